//! Sets a sequence of ids past the highest.

use serde_json::json;
use sqlx::PgConnection;

use super::{Deed, Outcome};
use crate::{FixError, checks::ids};

/// Only while it is behind: a sequence never goes back.
pub(super) async fn run(conn: &mut PgConnection, table: &str) -> Result<Outcome, FixError> {
    let behind = ids::behind(conn).await?;
    let Some(it) = behind.into_iter().find(|it| it.name == table) else {
        return Ok(Outcome::Gone);
    };
    sqlx::query("select setval(pg_get_serial_sequence($1, 'id'), $2)")
        .bind(&it.name)
        .bind(it.highest)
        .execute(conn)
        .await?;
    let detail = json!({ "table": it.name, "id": it.highest });
    Ok(Outcome::Done(Deed { action: "ids.advanced", tenant: None, operation: None, detail }))
}
