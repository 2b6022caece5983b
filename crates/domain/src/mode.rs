//! How the tenants of one batch hang together.

use serde::{Deserialize, Serialize};

use crate::state::words;

/// How the tenants of one batch hang together.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Each on its own: one that fails does not touch the others.
    #[default]
    Independent,
    /// All or none: one that fails takes the others back.
    Atomic,
}

words!(Mode, "a mode of a batch", Independent = "independent", Atomic = "atomic");
