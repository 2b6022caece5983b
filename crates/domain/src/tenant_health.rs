//! What a look at a tenant came to.

use crate::state::words;

words! {
    /// What a look at a tenant came to, in one word.
    TenantHealth: "a health of a tenant" {
        /// Its schema, its role and its rights are as they should be.
        Healthy = "healthy",
        /// The look found a fault.
        Unhealthy = "unhealthy",
        /// It could not be looked at.
        Error = "error",
    }
}
