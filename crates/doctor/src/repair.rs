//! Which repair mends what. Each proves its finding again under locks, in the transaction that
//! repairs it.

use domain::{InstallationId, TenantId};
use serde_json::Value;
use sqlx::PgConnection;
use store::audit::{By, Entry};
use tenantdb::{Mark, Promise, application_role};

use crate::{
    FixError, Kind, Scope, Subject,
    checks::{database, items, jobs, keys, marks, operations, promise, roles, spares, tenants},
};

/// What a repair needs beside its subject.
#[derive(Debug)]
pub(crate) struct Repair<'a> {
    /// The transaction that proves the finding again, repairs it and records that.
    pub(crate) conn: &'a mut PgConnection,
    pub(crate) by: By<'a>,
    pub(crate) installation: &'a InstallationId,
    pub(crate) scope: &'a Scope,
    /// What the migrations give, for repairs of rights.
    pub(crate) promise: Option<&'a Promise>,
}

/// What was done, as the audit log says it, or why nothing was.
pub(crate) type Repaired<'a> = Result<Entry<'a>, Stop>;

impl<'a> Repair<'a> {
    pub(crate) fn mark(&self, tenant: TenantId) -> Mark {
        Mark { installation: self.installation.clone(), tenant }
    }

    /// The audit row of what was done; tenant and operation are the caller's to add.
    pub(crate) fn did(&self, action: &'a str, detail: Value) -> Entry<'a> {
        Entry { detail, ..self.by.did(action) }
    }

    /// The same, of a tenant.
    pub(crate) fn did_to(&self, tenant: TenantId, action: &'a str, detail: Value) -> Entry<'a> {
        Entry { tenant: Some(tenant), ..self.did(action, detail) }
    }

    /// Refuses to make a role a member of tenants' roles that must not be one.
    pub(crate) async fn refuse_unfit(&mut self) -> Result<(), Stop> {
        let Some(application) = &self.scope.application_role else { return Ok(()) };
        let unfit = application_role::lacking(self.conn, application).await?;
        if unfit.is_empty() {
            return Ok(());
        }
        Err(Stop::Refused(format!("tenants.application_role: {}", unfit.join("; "))))
    }
}

/// Why a repair was not made.
#[derive(Debug)]
pub(crate) enum Stop {
    /// There is nothing to repair any more.
    Gone,
    /// It cannot be proved that this may be done.
    Refused(String),
    Failed(FixError),
}

impl From<sqlx::Error> for Stop {
    fn from(error: sqlx::Error) -> Self {
        obstacle(&error).map_or_else(|| Self::Failed(error.into()), Self::Refused)
    }
}

/// What is said when the subject itself is in the way, by the database or by its own row.
fn obstacle(error: &sqlx::Error) -> Option<String> {
    if let sqlx::Error::Decode(why) = error {
        return Some(format!("an operator has to look: {why}"));
    }
    let database = error.as_database_error()?;
    let message = database.message();
    match database.code()?.as_ref() {
        "2BP01" => Some("something in the database still depends on it".to_owned()),
        "55P03" => Some("somebody is using it; try again".to_owned()),
        "40P01" => Some("somebody was working on it; try again".to_owned()),
        "42501" => Some(format!("the connected role may not do this: {message}")),
        _ if promise::is_about_one(error) => Some(format!("the database refused: {message}")),
        _ => None,
    }
}

/// Repairs one finding in the caller's transaction.
pub(crate) async fn repair<'a>(cx: &mut Repair<'a>, kind: Kind, subject: &Subject) -> Repaired<'a> {
    use Subject::{Control, Item, Job, Key, Operation, Role, Schema, Spare, Tenant};
    match (kind, subject) {
        (Kind::ItemOwnedByDeadWorker, Item(id)) => jobs::give_back(cx, *id).await,
        (Kind::ItemWithoutJob, Item(id)) => jobs::renew(cx, *id).await,
        (Kind::JobWithoutItem, Job(id)) => jobs::kill(cx, id).await,
        (Kind::FailedWithRemains, Item(id)) => items::clear_remains(cx, *id).await,
        (Kind::PendingWithoutItem, Tenant(id)) => tenants::release(cx, *id).await,
        (Kind::TenantWithoutRole, Tenant(id)) => tenants::make_role(cx, *id).await,
        (Kind::SuspendedTenantLetIn, Tenant(id)) => tenants::shut_out(cx, *id).await,
        (Kind::SchemaWithoutTenant, Schema(name)) => marks::drop_schema(cx, name).await,
        (Kind::RoleWithoutTenant, Role(name)) => marks::drop_role(cx, name).await,
        (Kind::SpareIncomplete | Kind::SpareChanged, Spare(id)) => spares::take_out(cx, *id).await,
        (Kind::MakerBroken, Role(name)) => roles::hand_over(cx, name).await,
        (Kind::ShapeDiffers, Tenant(id)) => promise::put_back(cx, *id).await,
        (Kind::OwnRowDiffers | Kind::OwnRowMissing, Tenant(id)) => {
            promise::write_own_row(cx, *id).await
        }
        (Kind::IdsBehind, Control(table)) => database::advance_ids(cx, table).await,
        (Kind::KeyWithoutTenant, Key(id)) => keys::revoke(cx, *id).await,
        (Kind::SealedPastItsTime, Key(id)) => keys::erase_secret(cx, *id).await,
        (Kind::OperationShouldHaveEnded, Operation(id)) => operations::end(cx, *id).await,
        _ => Err(Stop::Failed(FixError::NotFixable(kind))),
    }
}
