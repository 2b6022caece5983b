//! What an operation does to its tenants, how they hang together, and its life.

use serde::{Deserialize, Serialize};

use crate::{Role, TenantState, state::words};

words! {
    /// What an operation does to its tenants.
    Kind: "a kind of operation" {
        /// Makes a tenant: names, role, schema, API key.
        Provision = "provision",
        /// Brings a tenant's schema up or down to a version.
        Migrate = "migrate",
        /// Changes what the registry and the tenant's own row say of it.
        Update = "update",
        /// Keeps a tenant's users out; its data is untouched.
        Suspend = "suspend",
        /// Lets them in again.
        Resume = "resume",
        /// Gives a tenant a new API key, and has those it has expire.
        RotateKeys = "rotate_keys",
        /// Ends API keys of a tenant at once.
        RevokeKeys = "revoke_keys",
        /// Keeps a tenant's users out, and has it dropped when its grace is over.
        Delete = "delete",
        /// Takes that back.
        Undelete = "undelete",
        /// Drops a tenant whose grace is over, and erases what is personal. The reaper asks for it.
        Purge = "purge",
        /// Makes a tenant of a schema that is there.
        Import = "import",
        /// Gives such a schema back as it was found; the tenant is gone.
        Release = "release",
    }
}

impl Kind {
    /// Whether its items make their tenants, instead of finding them.
    #[must_use]
    pub const fn makes_tenants(self) -> bool {
        matches!(self, Self::Provision | Self::Import)
    }

    /// Whether a caller asks for it by its name, for tenants that are there.
    #[must_use]
    pub const fn is_asked_for(self) -> bool {
        !matches!(self, Self::Provision | Self::Import | Self::Purge)
    }

    /// Whether its items wait for no item of another kind, and hold no tenant.
    #[must_use]
    pub const fn interrupts(self) -> bool {
        matches!(self, Self::Suspend | Self::RevokeKeys | Self::Delete)
    }

    /// The role that an operator needs to submit and to retry it.
    #[must_use]
    pub const fn role(self) -> Role {
        match self {
            Self::Provision
            | Self::Update
            | Self::Suspend
            | Self::Resume
            | Self::RotateKeys
            | Self::RevokeKeys => Role::Operator,
            // It changes what a release has made, for all tenants at once.
            Self::Migrate => Role::Admin,
            // What it takes away cannot be given back; nor is that what an operator is to decide.
            Self::Delete | Self::Undelete | Self::Purge | Self::Release => Role::Admin,
            // It puts an existing schema, with its data, under Tenantry's control.
            Self::Import => Role::Admin,
        }
    }

    /// The parameters that say nothing of a customer. The audit log keeps all others apart, to be erased with
    /// their tenant.
    #[must_use]
    pub const fn impersonal_params(self) -> &'static [&'static str] {
        match self {
            Self::Migrate => &["direction", "set", "to", "allow_drift"],
            Self::Suspend => &["until"],
            Self::RotateKeys => &["overlap_hours", "expires_days"],
            Self::RevokeKeys => &["created_before"],
            Self::Delete => &["grace_days", "name_hold_days", "drop_imported"],
            Self::Purge => &["large"],
            Self::Provision
            | Self::Import
            | Self::Update
            | Self::Resume
            | Self::Undelete
            | Self::Release => &[],
        }
    }

    /// The states of tenants that it can be about; none if it makes them.
    #[must_use]
    pub const fn states(self) -> &'static [TenantState] {
        match self {
            Self::Provision | Self::Import => &[],
            // They have a schema that is in use.
            Self::Migrate | Self::Update => &[TenantState::Active, TenantState::Suspended],
            // Of a suspended one too: it may be resumed at any time.
            Self::RotateKeys | Self::RevokeKeys => &[TenantState::Active, TenantState::Suspended],
            // Again for another reason, or until another time.
            Self::Suspend => &[TenantState::Active, TenantState::Suspended],
            Self::Resume => &[TenantState::Suspended],
            Self::Release => &[TenantState::Active, TenantState::Suspended],
            // Again for another reason, or with another grace.
            Self::Delete => &[TenantState::Active, TenantState::Suspended, TenantState::Deleting],
            Self::Undelete | Self::Purge => &[TenantState::Deleting],
        }
    }
}

words! {
    /// How the tenants of one batch hang together.
    #[derive(Default)]
    Mode: "a mode of a batch" {
        /// Each on its own: one that fails does not touch the others.
        #[default]
        Independent = "independent",
        /// All or none: one that fails takes the others back.
        Atomic = "atomic",
    }
}

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
    /// Whether schemas are migrated that the last look found other than their migrations make them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_drift: bool,
}

words! {
    /// Where an operation is on its way.
    OperationState: "a state of an operation" {
        /// Accepted; no item has begun.
        Queued = "queued",
        /// At least one item has begun.
        Running = "running",
        /// Over: every tenant is active.
        Completed = "completed",
        /// Over: some tenants are active.
        CompletedWithFailures = "completed_with_failures",
        /// Over: no tenant is active.
        Failed = "failed",
        /// Asked to stop; what had begun is ending.
        Cancelling = "cancelling",
        /// Over: stopped before all had begun.
        Cancelled = "cancelled",
        /// All or nothing, and one failed: what was made is being taken back.
        RollingBack = "rolling_back",
        /// Over: all or nothing, and nothing is left.
        RolledBack = "rolled_back",
    }
}

impl OperationState {
    /// Whether the operation is over: no item of it will move unless it is retried.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Queued | Self::Running | Self::Cancelling | Self::RollingBack => false,
            Self::Completed
            | Self::CompletedWithFailures
            | Self::Failed
            | Self::Cancelled
            | Self::RolledBack => true,
        }
    }

    /// Whether `next` may follow.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use OperationState::{Cancelled, Cancelling, Queued, RolledBack, RollingBack, Running};
        match self {
            // Straight to an end too: every item may be refused, or be done between two looks.
            Queued => !matches!(next, Queued),
            Running => !matches!(next, Queued | Running),
            // All that had begun may have succeeded, so every end is possible.
            Cancelling => next.is_final(),
            RollingBack => matches!(next, RolledBack | Cancelled),
            // A retry of its items, or of an item's undo.
            Self::CompletedWithFailures | Self::Failed => matches!(next, Queued | Running),
            // The same; the undo is of an operation that is all or nothing.
            Cancelled => matches!(next, Queued | Running | RollingBack),
            RolledBack => matches!(next, Queued | RollingBack),
            // There is nothing to retry.
            Self::Completed => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_of_a_batch_is_legal() {
        use OperationState::{
            Cancelled, Cancelling, Completed, CompletedWithFailures, Failed, Queued, RolledBack,
            RollingBack, Running,
        };
        for way in [
            &[Queued, Running, Completed][..],
            &[Queued, Failed, Queued, Running, CompletedWithFailures, Running],
            &[Queued, Running, Cancelling, Cancelled, Queued],
            &[Queued, Running, RollingBack, RolledBack],
        ] {
            for pair in way.windows(2) {
                assert!(pair[0].may_become(pair[1]), "{} -> {}", pair[0], pair[1]);
            }
        }
    }

    #[test]
    fn an_end_is_left_by_a_retry_only_of_the_batch_or_of_an_undo() {
        use OperationState::{Queued, RollingBack, Running};
        for end in OperationState::ALL.iter().filter(|state| state.is_final()) {
            for next in OperationState::ALL.iter().filter(|next| end.may_become(**next)) {
                assert!(matches!(next, Queued | Running | RollingBack), "{end}->{next}");
            }
            assert_eq!(end.may_become(Queued), *end != OperationState::Completed, "{end}");
        }
        assert!(
            !OperationState::ALL.iter().any(|next| OperationState::Completed.may_become(*next))
        );
    }

    #[test]
    fn no_state_follows_itself_and_every_open_one_can_end() {
        for state in OperationState::ALL {
            assert!(!state.may_become(*state), "{state}");
            let ends =
                OperationState::ALL.iter().any(|next| next.is_final() && state.may_become(*next));
            assert_eq!(ends, !state.is_final(), "{state}");
        }
    }
}
