//! Gives the owner of schema `tenantry` its makers again.

use serde_json::json;
use sqlx::PgConnection;

use super::{Deed, Outcome, Surgery};
use crate::FixError;

pub(super) async fn run(
    conn: &mut PgConnection,
    name: &str,
    surgery: &Surgery,
) -> Result<Outcome, FixError> {
    tenantdb::hand_over(conn, &surgery.installation).await?;
    Ok(Outcome::Done(Deed {
        action: "doctor.makers_handed_over",
        tenant: None,
        operation: None,
        detail: json!({ "role": name }),
    }))
}
