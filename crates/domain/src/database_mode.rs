//! Whose the database is that tenants live in.

use crate::state::words;

words! {
    /// Whether other applications use the database that tenants live in.
    DatabaseMode: "a mode of the database" {
        /// It is Tenantry's: PUBLIC has no rights on it.
        Own = "own",
        /// Others use it: PUBLIC keeps its rights, and tenants' roles have them too.
        Shared = "shared",
    }
}
