//! What an operation does to its tenants.

use serde::{Deserialize, Serialize};

use crate::{TenantState, state::words};

/// What an operation does to its tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Makes a tenant: names, role, schema, API key.
    Provision,
    /// Brings a tenant's schema up or down to a version.
    Migrate,
}

words!(Kind, "a kind of operation", Provision = "provision", Migrate = "migrate");

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
