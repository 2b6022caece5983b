//! Drops a schema whose tenant is gone.

use domain::SchemaName;
use serde_json::json;
use sqlx::PgConnection;
use tenantdb::{Owner, schema};

use super::{Deed, Outcome, Surgery, tenant};
use crate::FixError;

/// Only what bears our mark, and only while the tenant in the mark is gone or was never there.
pub(super) async fn run(
    conn: &mut PgConnection,
    name: &str,
    surgery: &Surgery,
) -> Result<Outcome, FixError> {
    let Ok(schema) = SchemaName::from_registry(name.to_owned()) else {
        return Ok(Outcome::Refused("its name is none that Tenantry makes".to_owned()));
    };
    let mark = match schema::owner(conn, &schema).await? {
        Owner::Marked(mark) if mark.installation == surgery.installation => mark,
        Owner::Nobody => return Ok(Outcome::Gone),
        _ => return Ok(Outcome::Refused("it does not bear our mark".to_owned())),
    };
    let held = tenant::hold(conn, mark.tenant).await?;
    if let Some(held) = held.filter(|held| !held.is_gone()) {
        return Ok(Outcome::Refused(format!("tenant {} is {}", held.id, held.state)));
    }
    if tenant::is_claimed(conn, mark.tenant).await? {
        return Ok(Outcome::Refused(format!("an item or the pool has tenant {}", mark.tenant)));
    }
    if !schema::drop_owned(conn, &schema, &mark).await? {
        return Ok(Outcome::Gone);
    }
    let detail = json!({ "schema": name });
    let tenant = Some(mark.tenant);
    Ok(Outcome::Done(Deed { action: "schema.dropped", tenant, operation: None, detail }))
}
