//! The life of a tenant.

use crate::state::words;

words! {
    /// Where a tenant is in its life.
    TenantState: "a state of a tenant" {
        /// Its names are reserved; it is not there yet.
        Pending = "pending",
        /// It is there, whole, and resolves.
        Active = "active",
        /// Kept out for a while; its data is untouched.
        Suspended = "suspended",
        /// Out of use; its data is kept.
        Archived = "archived",
        /// Being taken away.
        Deleting = "deleting",
        /// It was there and is gone; its names are free again.
        Deleted = "deleted",
        /// It never came to be; its names are free again, and a retry may reserve them once more.
        Released = "released",
    }
}

impl TenantState {
    /// Whether nothing can follow.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Deleted)
    }

    /// Whether `next` may follow.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use TenantState::{Active, Archived, Deleted, Deleting, Pending, Released, Suspended};
        match self {
            // Released: provisioning failed and took back all it had made.
            Pending => matches!(next, Active | Released),
            // Back to pending: the activation is undone, in a batch that was all or nothing.
            Active => matches!(next, Pending | Suspended | Archived | Deleting),
            Suspended => matches!(next, Active | Archived | Deleting),
            Archived => matches!(next, Active | Deleting),
            // Back to where it was: the deletion is taken back before anything is dropped.
            Deleting => matches!(next, Deleted | Active | Suspended | Archived),
            // A retry of the batch.
            Released => matches!(next, Pending),
            Deleted => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deleted_is_the_only_end_and_what_was_active_alone_comes_to_it() {
        for state in TenantState::ALL {
            let moves = TenantState::ALL.iter().any(|next| state.may_become(*next));
            assert_eq!(moves, !state.is_final(), "{state}");
            assert_eq!(state.is_final(), *state == TenantState::Deleted);
            let lives = matches!(
                state,
                TenantState::Active | TenantState::Suspended | TenantState::Archived
            );
            assert_eq!(state.may_become(TenantState::Deleting), lives, "{state}");
            let deleting = *state == TenantState::Deleting;
            assert_eq!(state.may_become(TenantState::Deleted), deleting, "{state}");
        }
    }

    #[test]
    fn a_reservation_that_came_to_nothing_can_be_made_again_and_a_deleted_tenant_cannot() {
        assert!(TenantState::Pending.may_become(TenantState::Released));
        assert!(TenantState::Released.may_become(TenantState::Pending));
        assert!(!TenantState::Deleted.may_become(TenantState::Pending));
        assert!(!TenantState::Active.may_become(TenantState::Released));
    }
}
