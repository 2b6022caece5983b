//! Which repair mends what. Each proves its finding again under locks, in the transaction that
//! repairs it.

use domain::{InstallationId, OperationId, TenantId};
use serde_json::Value;
use sqlx::PgConnection;
use tenantdb::{Mark, Promise, TenantPath, application_role};

use crate::{
    FixError, Kind, Scope, Subject,
    checks::{database, items, jobs, keys, marks, operations, promise, roles, spares, tenants},
};

/// What a repair needs beside its subject.
#[derive(Debug)]
pub(crate) struct Surgery<'a> {
    pub(crate) installation: InstallationId,
    pub(crate) scope: &'a Scope,
    /// What the migrations give, for repairs of rights.
    pub(crate) promise: Option<Promise>,
}

impl Surgery<'_> {
    pub(crate) fn mark(&self, tenant: TenantId) -> Mark {
        Mark { installation: self.installation.clone(), tenant }
    }

    /// The search path of tenants.
    pub(crate) fn path(&self) -> TenantPath {
        self.scope.migrations.path()
    }

    /// Refuses to make a role a member of tenants' roles that must not be one.
    pub(crate) async fn refuse_unfit(&self, conn: &mut PgConnection) -> Result<(), Stop> {
        let Some(application) = &self.scope.application_role else { return Ok(()) };
        let unfit = application_role::lacking(conn, application).await?;
        if unfit.is_empty() {
            return Ok(());
        }
        Err(Stop::Refused(format!("tenants.application_role: {}", unfit.join("; "))))
    }
}

/// What was done, as the audit log says it.
#[derive(Debug)]
pub(crate) struct Deed {
    pub(crate) action: &'static str,
    pub(crate) tenant: Option<TenantId>,
    pub(crate) operation: Option<OperationId>,
    pub(crate) detail: Value,
}

impl Deed {
    /// What concerns neither one tenant nor one operation.
    pub(crate) fn new(action: &'static str, detail: Value) -> Self {
        Self { action, tenant: None, operation: None, detail }
    }

    pub(crate) fn to(self, tenant: TenantId) -> Self {
        Self { tenant: Some(tenant), ..self }
    }

    pub(crate) fn within(self, operation: OperationId) -> Self {
        Self { operation: Some(operation), ..self }
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
pub(crate) async fn repair(
    conn: &mut PgConnection,
    kind: Kind,
    subject: &Subject,
    surgery: &Surgery<'_>,
) -> Result<Deed, Stop> {
    use Subject::{Control, Item, Job, Key, Operation, Role, Schema, Spare, Tenant};
    match (kind, subject) {
        (Kind::ItemOwnedByDeadWorker, Item(id)) => jobs::give_back(conn, *id, surgery).await,
        (Kind::ItemWithoutJob, Item(id)) => jobs::renew(conn, *id).await,
        (Kind::JobWithoutItem, Job(id)) => jobs::kill(conn, id).await,
        (Kind::FailedWithRemains, Item(id)) => items::clear_remains(conn, *id, surgery).await,
        (Kind::PendingWithoutItem, Tenant(id)) => tenants::release(conn, *id, surgery).await,
        (Kind::TenantWithoutRole, Tenant(id)) => tenants::make_role(conn, *id, surgery).await,
        (Kind::SchemaWithoutTenant, Schema(name)) => marks::drop_schema(conn, name, surgery).await,
        (Kind::RoleWithoutTenant, Role(name)) => marks::drop_role(conn, name, surgery).await,
        (Kind::SpareIncomplete | Kind::SpareChanged, Spare(id)) => {
            spares::take_out(conn, *id, surgery).await
        }
        (Kind::MakerBroken, Role(name)) => roles::hand_over(conn, name, surgery).await,
        (Kind::ShapeDiffers, Tenant(id)) => promise::put_back(conn, *id, surgery).await,
        (Kind::IdsBehind, Control(table)) => database::advance_ids(conn, table).await,
        (Kind::KeyWithoutTenant, Key(id)) => keys::revoke(conn, *id).await,
        (Kind::SealedPastItsTime, Key(id)) => keys::erase_secret(conn, *id).await,
        (Kind::OperationShouldHaveEnded, Operation(id)) => operations::end(conn, *id).await,
        _ => Err(Stop::Failed(FixError::NotFixable(kind))),
    }
}
