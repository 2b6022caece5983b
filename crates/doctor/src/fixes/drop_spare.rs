//! Takes a spare out of the pool that is not whole or was changed, with what is left of it.

use domain::{RoleName, SchemaName, TenantId};
use serde_json::json;
use sqlx::PgConnection;
use tenantdb::{Mark, role, schema, verify};

use super::{Deed, Outcome, Surgery, tenant};
use crate::FixError;

/// Only while it is not as it was built; and drops only what bears the spare's mark.
pub(super) async fn run(
    conn: &mut PgConnection,
    spare: TenantId,
    surgery: &Surgery,
) -> Result<Outcome, FixError> {
    tenant::hold(conn, spare).await?;
    let mark = Mark { installation: surgery.installation.clone(), tenant: spare };
    let (schema, role) = (SchemaName::of_spare(spare), RoleName::of(&mark.installation, spare));
    let built: Option<String> =
        sqlx::query_scalar("select fingerprint from tenantry.spares where id = $1")
            .bind(spare.get())
            .fetch_optional(&mut *conn)
            .await?;
    let Some(built) = built else { return Ok(Outcome::Gone) };
    let (installation, application) = (&mark.installation, surgery.application_role.as_deref());
    let built = [(spare, built.as_str())];
    let looked =
        verify::look_at_spares(conn, installation, application, &built, surgery.path).await?;
    if looked.iter().all(verify::Faults::is_empty) {
        return Ok(Outcome::Gone);
    }
    if !store::spares::remove(conn, spare).await? {
        return Ok(Outcome::Gone);
    }
    let schema_dropped = schema::drop_owned(conn, &schema, &mark).await?;
    let role_dropped = role::drop_owned(conn, &role, &mark).await?;
    let detail = json!({
        "spare": spare,
        "schema": schema_dropped.then_some(schema.as_str()),
        "role": role_dropped.then_some(role.as_str()),
    });
    Ok(Outcome::Done(Deed { action: "spare.dropped", tenant: None, operation: None, detail }))
}
