//! What can be wrong. The names are a contract: add, never rename.

use std::{fmt, str::FromStr};

use serde::Serialize;

macro_rules! kinds {
    ($($name:ident = $text:literal: $meaning:literal, $fix:expr;)*) => {
        /// One kind of trouble, in the order in which several are repaired.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Kind {
            $(#[doc = concat!("`", $text, "`: ", $meaning)] $name,)*
        }

        impl Kind {
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// What is wrong, as a sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning),* }
            }

            /// What a repair does, where there is one.
            #[must_use]
            pub const fn repair(self) -> Option<&'static str> {
                match self { $(Self::$name => $fix),* }
            }
        }
    };
}

kinds! {
    ItemOwnedByDeadWorker = "item_owned_by_dead_worker":
        "An item is being worked on by a worker that is dead, unknown, or nobody.",
        Some("give the item back, with a new job");
    ItemWithoutJob = "item_without_job":
        "An item waits, and no job will bring a worker to it.",
        Some("give the item a new job");
    JobWithoutItem = "job_without_item":
        "A job is alive whose item has ended or does not exist.",
        Some("kill the job; a worker would drop it too");
    ItemInWrongState = "item_in_wrong_state":
        "The parts of an item's row contradict each other.", None;
    UndoFailed = "undo_failed":
        "An item could be neither done nor undone, and an operator has to look.", None;
    UnreadableRow = "unreadable_row":
        "What a tenant or an item was asked for cannot be read back.", None;
    SucceededWithoutTenant = "succeeded_without_tenant":
        "An item has succeeded and its tenant was never activated.", None;
    TenantOfSeveralItems = "tenant_of_several_items":
        "Two items make, or made, the same tenant.", None;
    FailedWithRemains = "failed_with_remains":
        "An item has ended without a tenant, and something of one is left.",
        Some("drop what bears the tenant's mark, revoke its keys, release its names");
    PendingWithoutItem = "pending_without_item":
        "Names are reserved and nobody works on them.",
        Some("drop what bears the tenant's mark, revoke its keys, release its names");
    TenantWithoutSchema = "tenant_without_schema":
        "A tenant is there and its schema is not.", None;
    TenantWithoutRole = "tenant_without_role":
        "A tenant is there and its role is not.",
        Some("make the role anew, with its rights; a password it had is lost");
    SuspendedTenantLetIn = "suspended_tenant_let_in":
        "The role of a tenant that is suspended or to be deleted may log in or use its schema.",
        Some("take both rights from the role, and end its sessions");
    WrongMark = "wrong_mark":
        "A schema or role and the registry disagree about whose it is.", None;
    SchemaWithoutTenant = "schema_without_tenant":
        "A schema bears this installation's mark, and its tenant is gone.",
        Some("drop the schema with all that is in it");
    RoleWithoutTenant = "role_without_tenant":
        "A role bears this installation's mark, and its tenant is gone.",
        Some("drop the role");
    SpareIncomplete = "spare_incomplete":
        "A tenant built in advance is in the pool, and its schema or its role is not there.",
        Some("take it out of the pool, and drop what is left of it");
    SpareChanged = "spare_changed":
        "A tenant built in advance is not as it was built.",
        Some("take it out of the pool, and drop it");
    IdsBehind = "ids_behind":
        "The next id of a table of the control schema exists already.",
        Some("set the sequence past the highest id");
    MakerBroken = "maker_broken":
        "A role that makes tenants' roles cannot be used by the owner of schema tenantry.",
        Some("give it its function and its rights again");
    TenantWithoutLiveKey = "tenant_without_live_key":
        "A provisioned tenant has no API key, and nobody revoked one.", None;
    SeveralLiveKeys = "several_live_keys":
        "A tenant was given more than one API key.", None;
    KeyWithoutTenant = "key_without_tenant":
        "An API key is live and its tenant is deleted or released.",
        Some("revoke the key");
    SealedPastItsTime = "sealed_past_its_time":
        "A sealed secret is still there although its time is over.",
        Some("erase the secret; the key stays good");
    MasterKeyDiffers = "master_key_differs":
        "The configured master key is not the installation's.", None;
    SealedUnreadable = "sealed_unreadable":
        "A sealed API key does not open with the configured master keys.", None;
    OperationShouldHaveEnded = "operation_should_have_ended":
        "An operation is open and none of its items is.",
        Some("end the operation");
    OperationEndedWithOpenItems = "operation_ended_with_open_items":
        "An operation has ended and some of its items have not.", None;
    OperationTotalsDiffer = "operation_totals_differ":
        "What an operation says of itself is not what its items say.", None;
    AtomicBatchInParts = "atomic_batch_in_parts":
        "Some tenants of an all-or-nothing operation are active and others are not.", None;
    MoreThanOneFinish = "more_than_one_finish":
        "The end of one run of an operation was announced more than once.", None;
    FinishWithoutEvent = "finish_without_event":
        "An operation has ended and its end was not announced.", None;
    EventWithoutFinish = "event_without_finish":
        "An end was announced that has not happened.", None;
    MigrationsBehind = "migrations_behind":
        "A tenant's schema lacks migrations.", None;
    MigrationEdited = "migration_edited":
        "A migration was changed after a tenant had got it.", None;
    MigrationUnknown = "migration_unknown":
        "A tenant's schema has a migration that is not among those at hand.", None;
    ShapeDiffers = "shape_differs":
        "A tenant's schema, role or rights are not what the migrations and grants make.",
        Some("put the role and all rights back; the schema's objects stay as they are");
    OwnRowDiffers = "own_row_differs":
        "A tenant's row in its own table `tenant` is not what the registry says.",
        Some("write the row anew");
    OwnRowMissing = "own_row_missing":
        "A tenant has no row in its own table `tenant`: it was made before there were such rows.",
        Some("write the row");
    PromiseDiffers = "promise_differs":
        "The tenants' migrations make something else than when they were first learnt.", None;
    SequenceBehind = "sequence_behind":
        "The next row of a tenant's table would be refused: its sequence is behind.", None;
    NotLookedAt = "not_looked_at":
        "A tenant could not be looked at.", None;
    TenantInWrongState = "tenant_in_wrong_state":
        "The parts of a tenant's row contradict each other.", None;
    CheckpointMissing = "checkpoint_missing":
        "An item has succeeded and its stages are not recorded.", None;
    SecretErasedEarly = "secret_erased_early":
        "The secret of an API key was erased before its caller had it.", None;
    RoleWithPassword = "role_with_password":
        "Roles of tenants have passwords, which Tenantry did not give them.", None;
    SystemRoleDiffers = "system_role_differs":
        "The tenants' group, or a role that makes tenants' roles, has powers it was not given.", None;
    ControlSchemaDiffers = "control_schema_differs":
        "The control schema or the queue lacks something that guards a promise.", None;
    DatabaseRights = "database_rights":
        "PUBLIC has rights on a database that is Tenantry's own.", None;
    SharedObjectsDiffer = "shared_objects_differ":
        "An extension or a table that all tenants share is not as listed, or somebody could change it.", None;
    SharedMigrationsDiffer = "shared_migrations_differ":
        "The application's own schema lacks a shared migration, or one was changed after it was applied.", None;
    DefaultRights = "default_rights":
        "Default privileges give others rights in every tenant that is made, and so none can be made.", None;
    DatabaseShared = "database_shared":
        "The database is shared by choice, and tenants' roles may do what PUBLIC may.", None;
    TenantTransactionOld = "tenant_transaction_old":
        "A tenant's transaction has been open for minutes, and the server keeps all rows that it could see.", None;
    TenantHoldsLocks = "tenant_holds_locks":
        "A tenant's session holds locks on Tenantry's tables, or a thousand of others.", None;
    ApplicationRoleUnfit = "application_role_unfit":
        "The application's role cannot become the tenants, or would have their rights without that.", None;
    ApplicationRoleFilling = "application_role_filling":
        "The application's role is a member of nearly as many tenants' roles as it may be.", None;
    ConnectionsNotEnough = "connections_not_enough":
        "The tenants that are connected may take every connection that the server has left.", None;
}

impl Kind {
    /// Whether there is a repair for it.
    #[must_use]
    pub const fn is_fixable(self) -> bool {
        self.repair().is_some()
    }

    /// Whether it may be as somebody wants it, and is told without being wrong.
    #[must_use]
    pub const fn is_notice(self) -> bool {
        matches!(
            self,
            Self::DatabaseShared
                | Self::RoleWithPassword
                | Self::ApplicationRoleFilling
                | Self::ConnectionsNotEnough
                // An update of the tenant writes it too.
                | Self::OwnRowMissing
        )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No kind of trouble has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no kind of trouble")]
pub struct UnknownKind(String);

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        let found = Self::ALL.iter().find(|kind| kind.as_str() == text);
        found.copied().ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_the_same_word_printed_parsed_and_in_json() {
        for kind in Kind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(*kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert!("orphans".parse::<Kind>().is_err());
    }

    #[test]
    fn schemas_are_dropped_before_the_roles_that_have_rights_on_them() {
        assert!(Kind::SchemaWithoutTenant < Kind::RoleWithoutTenant);
    }
}
