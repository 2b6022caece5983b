//! Revokes the key of a tenant that is gone.

use domain::{OperationId, TenantId};
use serde_json::json;
use sqlx::{PgConnection, types::Uuid};

use super::{Deed, Outcome};
use crate::FixError;

/// Nobody can revive the tenant meanwhile: its row is held.
pub(super) async fn run(conn: &mut PgConnection, key: i64) -> Result<Outcome, FixError> {
    let revoked: Option<(i64, Option<Uuid>)> = sqlx::query_as(
        "with gone as (
             select t.id from tenantry.tenants t
             join tenantry.api_keys k on k.tenant_id = t.id
             where k.id = $1 and t.state in ('deleted', 'released') for update of t
         )
         update tenantry.api_keys k
         set revoked_at = clock_timestamp(), sealed = null, sealed_until = null
         from gone
         where k.id = $1 and k.tenant_id = gone.id and k.revoked_at is null
         returning k.tenant_id, k.operation_id",
    )
    .bind(key)
    .fetch_optional(conn)
    .await?;
    let Some((tenant, operation)) = revoked else { return Ok(Outcome::Gone) };
    Ok(Outcome::Done(Deed {
        action: "key.revoked",
        tenant: Some(TenantId::new(tenant)),
        operation: operation.map(OperationId::new),
        detail: json!({ "key": key }),
    }))
}
