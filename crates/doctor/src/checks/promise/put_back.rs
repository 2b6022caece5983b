//! Repairs a tenant's role and the rights in its schema, as they were when it was made, and its own row.

use domain::TenantId;
use serde_json::json;
use sqlx::PgConnection;
use store::audit::Entry;
use tenantdb::{
    Promise, Subject, elsewhere,
    mend::{self, MendError},
    own_row, role, schema, verify,
};

use super::faults::own_row_of;
use crate::{
    Scope, registered,
    repair::{Repair, Repaired, Stop},
};

/// Puts role and rights back, only while schema and role bear the tenant's mark and something
/// differs.
pub(crate) async fn put_back<'a>(cx: &mut Repair<'a>, id: TenantId) -> Repaired<'a> {
    let tenant = registered::hold(cx.conn, id).await?.ok_or(Stop::Gone)?;
    let (schema, role) = tenant.names()?;
    let mark = cx.mark(id);
    let owned = schema::owner(cx.conn, &schema).await?.is_of(&mark)
        && role::owner(cx.conn, &role).await?.is(&mark);
    let promise = cx.promise.filter(|_| owned && tenant.state == "active");
    let promise = promise.ok_or(Stop::Gone)?;
    cx.refuse_unfit().await?;
    let Scope { connection_limit, application_role, .. } = cx.scope;
    let application_role = application_role.as_deref();
    let (schema, role, neighbour, path) = (&schema, &role, None, promise.path());
    let subject = Subject { schema, role, mark, neighbour, path, application_role };
    let before = look(cx.conn, &subject, promise).await?;
    if before.is_empty() {
        return Err(Stop::Gone);
    }
    match mend::role_and_rights(cx.conn, &subject, promise, *connection_limit).await {
        Ok(()) => {}
        Err(MendError::Refused(changes)) => return Err(Stop::Refused(changes.join("; "))),
        Err(MendError::Database(error)) => return Err(error.into()),
    }
    let after = look(cx.conn, &subject, promise).await?;
    if !after.is_empty() {
        return Err(Stop::Refused(format!("this would stay: {}", after.join("; "))));
    }
    let detail = json!({ "mended": before.len() });
    // The sentences name what lies in the schema.
    let personal = json!({ "mended": before });
    Ok(Entry { personal, ..cx.did_to(id, "tenant.rights_restored", detail) })
}

/// Writes the tenant's row in its own table, only while schema and table are there, and the row is not or says
/// something else.
pub(crate) async fn write_own_row<'a>(cx: &mut Repair<'a>, id: TenantId) -> Repaired<'a> {
    let tenant = registered::hold(cx.conn, id).await?.ok_or(Stop::Gone)?;
    let (schema, _) = tenant.names()?;
    let mark = cx.mark(id);
    if tenant.state != "active" || !schema::owner(cx.conn, &schema).await?.is_of(&mark) {
        return Err(Stop::Gone);
    }
    let registered = store::tenants::find(cx.conn, id).await?.ok_or(Stop::Gone)?;
    let row = own_row_of(&registered, &schema);
    if own_row::bring_up_to_date(cx.conn, &[row]).await? == [false] {
        return Err(Stop::Gone);
    }
    Ok(cx.did_to(id, "tenant.own_row_written", json!({})))
}

/// What is wrong with role and rights, without what is the database's or belongs to the role elsewhere.
async fn look(
    conn: &mut PgConnection,
    subject: &Subject<'_>,
    promise: &Promise,
) -> sqlx::Result<Vec<String>> {
    let found = verify::look_at_rights(conn, std::slice::from_ref(subject), promise).await?;
    let here = found.into_iter().flat_map(|faults| [faults.role, faults.rights].concat());
    let elsewhere = elsewhere::read(conn, &subject.mark.installation, Some(subject.role)).await?;
    let elsewhere = elsewhere.into_iter().filter(|it| it.remedy.is_some()).map(|it| it.sentence);
    Ok(here.chain(elsewhere).collect())
}
