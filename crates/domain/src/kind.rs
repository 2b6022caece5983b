//! What an operation does to its tenants.

use crate::{TenantState, state::words};

words! {
    /// What an operation does to its tenants.
    Kind: "a kind of operation" {
        /// Makes a tenant: names, role, schema, API key.
        Provision = "provision",
        /// Brings a tenant's schema up or down to a version.
        Migrate = "migrate",
    }
}

impl Kind {
    /// Whether its items make their tenants, instead of finding them.
    #[must_use]
    pub const fn makes_tenants(self) -> bool {
        matches!(self, Self::Provision)
    }

    /// The states of tenants that it can be about; none if it makes them.
    #[must_use]
    pub const fn states(self) -> &'static [TenantState] {
        match self {
            Self::Provision => &[],
            // They have a schema that is in use.
            Self::Migrate => &[TenantState::Active, TenantState::Suspended],
        }
    }
}
