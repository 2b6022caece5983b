//! The repairs, one a file. Each proves its finding again under locks, in the transaction that
//! repairs it.

mod advance_ids;
mod clear_remains;
mod drop_role;
mod drop_schema;
mod drop_spare;
mod end_batch;
mod erase_secret;
mod give_item_back;
mod give_new_job;
mod kill_job;
mod make_role;
mod mend_makers;
mod put_back;
mod release_names;
mod revoke_key;
mod tenant;

use std::time::Duration;

use domain::{InstallationId, OperationId, TenantId};
use serde_json::Value;
use sqlx::PgConnection;
use tenantdb::{Promise, TenantPath, application_role};

pub(crate) use tenant::lock as lock_tenant;

use crate::{FixError, Kind, Subject};

/// What a repair needs beside its subject.
#[derive(Debug, Clone)]
pub(crate) struct Surgery {
    pub(crate) installation: InstallationId,
    /// A worker silent for longer is dead.
    pub(crate) dead_after: Duration,
    /// Connections that a tenant's role may hold, if it may hold none now.
    pub(crate) connection_limit: i32,
    /// The search path of tenants.
    pub(crate) path: TenantPath,
    /// The role that is a member of every tenant's.
    pub(crate) application_role: Option<String>,
    /// What the migrations give, for repairs of rights.
    pub(crate) promise: Option<Promise>,
}

impl Surgery {
    /// Refuses to make a role a member of tenants' roles that must not be one.
    async fn refuse_unfit(&self, conn: &mut PgConnection) -> sqlx::Result<Option<Outcome>> {
        let Some(application) = &self.application_role else { return Ok(None) };
        let unfit = application_role::lacking(conn, application).await?;
        let why = || format!("tenants.application_role: {}", unfit.join("; "));
        Ok((!unfit.is_empty()).then(|| Outcome::Refused(why())))
    }
}

/// What came of a repair.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is done, and this is what the audit log says of it.
    Done(Deed),
    /// There is nothing to repair any more.
    Gone,
    /// It cannot be proved that this may be done.
    Refused(String),
}

/// What was done, as the audit log says it.
#[derive(Debug)]
pub(crate) struct Deed {
    pub(crate) action: &'static str,
    pub(crate) tenant: Option<TenantId>,
    pub(crate) operation: Option<OperationId>,
    pub(crate) detail: Value,
}

/// Repairs one finding in the caller's transaction.
pub(crate) async fn repair(
    conn: &mut PgConnection,
    kind: Kind,
    subject: &Subject,
    surgery: &Surgery,
) -> Result<Outcome, FixError> {
    match (kind, subject) {
        (Kind::ItemOwnedByDeadWorker, Subject::Item(item)) => {
            give_item_back::run(conn, *item, surgery.dead_after).await
        }
        (Kind::ItemWithoutJob, Subject::Item(item)) => give_new_job::run(conn, *item).await,
        (Kind::JobWithoutItem, Subject::Job(job)) => kill_job::run(conn, job).await,
        (Kind::FailedWithRemains, Subject::Item(item)) => {
            clear_remains::run(conn, *item, surgery).await
        }
        (Kind::PendingWithoutItem, Subject::Tenant(tenant)) => {
            release_names::run(conn, *tenant, surgery).await
        }
        (Kind::SchemaWithoutTenant, Subject::Schema(name)) => {
            drop_schema::run(conn, name, surgery).await
        }
        (Kind::RoleWithoutTenant, Subject::Role(name)) => drop_role::run(conn, name, surgery).await,
        (Kind::SpareIncomplete | Kind::SpareChanged, Subject::Spare(spare)) => {
            drop_spare::run(conn, *spare, surgery).await
        }
        (Kind::MakerBroken, Subject::Role(name)) => mend_makers::run(conn, name, surgery).await,
        (Kind::ShapeDiffers, Subject::Tenant(tenant)) => {
            put_back::run(conn, *tenant, surgery).await
        }
        (Kind::TenantWithoutRole, Subject::Tenant(id)) => make_role::run(conn, *id, surgery).await,
        (Kind::IdsBehind, Subject::Control(table)) => advance_ids::run(conn, table).await,
        (Kind::KeyWithoutTenant, Subject::Key(key)) => revoke_key::run(conn, *key).await,
        (Kind::SealedPastItsTime, Subject::Key(key)) => erase_secret::run(conn, *key).await,
        (Kind::OperationShouldHaveEnded, Subject::Operation(operation)) => {
            end_batch::run(conn, *operation).await
        }
        _ => Err(FixError::NotFixable(kind)),
    }
}
