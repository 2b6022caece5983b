//! Puts a tenant's role and the rights in its schema back to what they were when it was made.

use serde_json::json;
use sqlx::PgConnection;
use tenantdb::{
    Mark, elsewhere,
    mend::{self, MendError},
    role, schema,
    verify::{self, Subject},
};

use super::{Deed, Outcome, Surgery, tenant};
use crate::FixError;

/// Only while schema and role bear the tenant's mark and something of role or rights differs.
pub(super) async fn run(
    conn: &mut PgConnection,
    id: domain::TenantId,
    surgery: &Surgery,
) -> Result<Outcome, FixError> {
    let Some(held) = tenant::hold(conn, id).await? else { return Ok(Outcome::Gone) };
    let (schema, role) = held.names()?;
    let mark = Mark { installation: surgery.installation.clone(), tenant: id };
    let owned =
        schema::owner(conn, &schema).await?.is(&mark) && role::owner(conn, &role).await?.is(&mark);
    let Some(promise) = surgery.promise.as_ref().filter(|_| owned && held.state == "active") else {
        return Ok(Outcome::Gone);
    };
    let application_role = surgery.application_role.as_deref();
    if let Some(refused) = surgery.refuse_unfit(conn).await? {
        return Ok(refused);
    }
    let (neighbour, path) = (None, promise.path());
    let subject = Subject { role: &role, mark: &mark, neighbour, path, application_role };
    let before = look(conn, &schema, subject, promise).await?;
    if before.is_empty() {
        return Ok(Outcome::Gone);
    }
    match mend::role_and_rights(conn, &schema, subject, promise, surgery.connection_limit).await {
        Ok(()) => {}
        Err(MendError::Refused(changes)) => return Ok(Outcome::Refused(changes.join("; "))),
        Err(MendError::Database(error)) => return Err(error.into()),
    }
    let after = look(conn, &schema, subject, promise).await?;
    if !after.is_empty() {
        return Ok(Outcome::Refused(format!("this would stay: {}", after.join("; "))));
    }
    let detail = json!({ "mended": before });
    Ok(Outcome::Done(Deed {
        action: "tenant.rights_restored",
        tenant: Some(id),
        operation: None,
        detail,
    }))
}

/// What is wrong with role and rights, without what is the database's or belongs to the role elsewhere.
async fn look(
    conn: &mut PgConnection,
    schema: &domain::SchemaName,
    subject: Subject<'_>,
    promise: &tenantdb::Promise,
) -> sqlx::Result<Vec<String>> {
    let found = verify::look_at_rights(conn, &[(schema, subject)], promise).await?;
    let here = found.into_iter().flat_map(|faults| [faults.role, faults.rights].concat());
    let elsewhere = elsewhere::read(conn, &subject.mark.installation, Some(subject.role)).await?;
    let elsewhere = elsewhere.into_iter().filter(|it| it.remedy.is_some()).map(|it| it.sentence);
    Ok(here.chain(elsewhere).collect())
}
