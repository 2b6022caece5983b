//! Drops a role whose tenant is gone.

use domain::RoleName;
use serde_json::json;
use sqlx::PgConnection;
use tenantdb::{Owner, role};

use super::{Deed, Outcome, Surgery, tenant};
use crate::FixError;

/// Only what bears our mark and our name for the tenant in it, and only while that tenant is
/// gone or was never there.
pub(super) async fn run(
    conn: &mut PgConnection,
    name: &str,
    surgery: &Surgery,
) -> Result<Outcome, FixError> {
    let Ok(role) = RoleName::parse(name) else {
        return Ok(Outcome::Refused("its name is none that Tenantry makes".to_owned()));
    };
    let mark = match role::owner(conn, &role).await? {
        Owner::Marked(mark) if mark.installation == surgery.installation => mark,
        Owner::Nobody => return Ok(Outcome::Gone),
        _ => return Ok(Outcome::Refused("it does not bear our mark".to_owned())),
    };
    if role != RoleName::of(&mark.installation, mark.tenant) {
        return Ok(Outcome::Refused("its name and its mark do not agree".to_owned()));
    }
    let held = tenant::hold(conn, mark.tenant).await?;
    if let Some(held) = held.filter(|held| !held.is_gone()) {
        return Ok(Outcome::Refused(format!("tenant {} is {}", held.id, held.state)));
    }
    if tenant::is_claimed(conn, mark.tenant).await? {
        return Ok(Outcome::Refused(format!("an item or the pool has tenant {}", mark.tenant)));
    }
    if let Some(grant) = role::missing_right(conn, &role).await? {
        return Ok(Outcome::Refused(format!("the connected role may not drop it (run: {grant})")));
    }
    if !role::drop_owned(conn, &role, &mark).await? {
        return Ok(Outcome::Gone);
    }
    let detail = json!({ "role": name });
    let tenant = Some(mark.tenant);
    Ok(Outcome::Done(Deed { action: "role.dropped", tenant, operation: None, detail }))
}
