//! Releases names that nobody works on.

use domain::TenantId;
use serde_json::json;
use sqlx::PgConnection;

use super::{Deed, Outcome, Surgery, tenant};
use crate::FixError;

/// Takes a reservation back, with whatever bears the tenant's mark.
pub(super) async fn run(
    conn: &mut PgConnection,
    id: TenantId,
    surgery: &Surgery,
) -> Result<Outcome, FixError> {
    let held = tenant::hold(conn, id).await?;
    let Some(held) = held.filter(|held| held.state == "pending") else { return Ok(Outcome::Gone) };
    if tenant::is_claimed(conn, id).await? {
        return Ok(Outcome::Gone);
    }
    let dropped = tenant::take_back(conn, &held, surgery).await?;
    let detail = json!({ "dropped": dropped });
    Ok(Outcome::Done(Deed { action: "tenant.released", tenant: Some(id), operation: None, detail }))
}
