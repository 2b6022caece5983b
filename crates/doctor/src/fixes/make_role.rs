//! Makes the role of a tenant anew: roles are in no dump of a database.

use serde_json::json;
use sqlx::PgConnection;
use tenantdb::{Mark, Owner, application_role, grants, role, schema};

use super::{Deed, Outcome, Surgery, tenant};
use crate::FixError;

/// Only while nobody has its name, and only if the schema bears the tenant's mark.
pub(super) async fn run(
    conn: &mut PgConnection,
    id: domain::TenantId,
    surgery: &Surgery,
) -> Result<Outcome, FixError> {
    let Some(held) = tenant::hold(conn, id).await? else { return Ok(Outcome::Gone) };
    if !matches!(held.state.as_str(), "active" | "suspended") {
        return Ok(Outcome::Gone);
    }
    let (schema, role) = held.names()?;
    if role::owner(conn, &role).await? != Owner::Nobody {
        return Ok(Outcome::Gone);
    }
    if let Some(refused) = surgery.refuse_unfit(conn).await? {
        return Ok(refused);
    }
    let mark = Mark { installation: surgery.installation.clone(), tenant: id };
    if !schema::owner(conn, &schema).await?.is(&mark) {
        return Ok(Outcome::Refused(format!("schema {schema} does not bear the tenant's mark")));
    }
    if role::owner(conn, &role.its_group()).await? == Owner::Nobody {
        let group = role.its_group();
        return Ok(Outcome::Refused(format!(
            "group role {group} does not exist: run `tenantry migrate public up` first"
        )));
    }
    let owner =
        role::claim(conn, &role, &schema, surgery.connection_limit, &mark, surgery.path).await?;
    if !owner.is(&mark) {
        return Ok(Outcome::Refused(format!("role {role} was taken at this moment")));
    }
    if let Some(application) = &surgery.application_role {
        application_role::grant(conn, std::slice::from_ref(&role), application).await?;
    }
    grants::regrant(conn, &schema, &role).await?;
    let detail = json!({ "role": role.as_str() });
    Ok(Outcome::Done(Deed { action: "role.created", tenant: Some(id), operation: None, detail }))
}
