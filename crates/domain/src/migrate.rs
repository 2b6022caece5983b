//! What an operation of kind `migrate` has to know.

use serde::{Deserialize, Serialize};

use crate::state::words;

words! {
    /// Which way.
    Direction: "a direction" {
        /// Apply what is pending.
        Up = "up",
        /// Take back what is newer than a version.
        Down = "down",
    }
}

/// How the schemas of an operation are to be migrated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Migrate {
    /// Which way.
    pub direction: Direction,
    /// The hash of the set of migrations: a worker that has this set does it.
    pub set: String,
    /// The version to go back to, which stays; `none`: before the first. Left out, the newest migration
    /// is taken back. Only of a way down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}
