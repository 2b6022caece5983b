//! Whose the database is that tenants live in.

use serde::{Deserialize, Serialize};

use crate::state::words;

/// Whether other applications use the database that tenants live in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatabaseMode {
    /// It is Tenantry's: PUBLIC has no rights on it.
    Own,
    /// Others use it: PUBLIC keeps its rights, and tenants' roles have them too.
    Shared,
}

words!(DatabaseMode, "a mode of the database", Own = "own", Shared = "shared");
