//! Erases a sealed secret whose time is over.

use domain::{OperationId, TenantId};
use serde_json::json;
use sqlx::{PgConnection, types::Uuid};

use super::{Deed, Outcome};
use crate::FixError;

/// The key stays good; only its secret goes.
pub(super) async fn run(conn: &mut PgConnection, key: i64) -> Result<Outcome, FixError> {
    let erased: Option<(i64, Option<Uuid>)> = sqlx::query_as(
        "update tenantry.api_keys set sealed = null, sealed_until = null
         where id = $1 and sealed is not null and sealed_until < clock_timestamp()
         returning tenant_id, operation_id",
    )
    .bind(key)
    .fetch_optional(conn)
    .await?;
    let Some((tenant, operation)) = erased else { return Ok(Outcome::Gone) };
    Ok(Outcome::Done(Deed {
        action: "keys.expired",
        tenant: Some(TenantId::new(tenant)),
        operation: operation.map(OperationId::new),
        detail: json!({ "key": key }),
    }))
}
