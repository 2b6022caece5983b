//! Takes away what is left of a tenant whose item came to nothing.

use domain::{ItemId, OperationId, TenantId};
use serde_json::json;
use sqlx::PgConnection;

use super::{Deed, Outcome, Surgery, tenant};
use crate::FixError;

/// Of a pending tenant everything; of one that is gone only the record of stages, so that a retry
/// makes them anew.
pub(super) async fn run(
    conn: &mut PgConnection,
    item: ItemId,
    surgery: &Surgery,
) -> Result<Outcome, FixError> {
    let Some((operation, id)) = names(conn, item).await? else { return Ok(Outcome::Gone) };
    tenant::lock(conn, id).await?;
    // Then as a retry takes them: the operation, its items, their tenants.
    store::operations::lock(conn, operation).await?;
    if !is_over(conn, item).await? {
        return Ok(Outcome::Gone);
    }
    let Some(held) = tenant::hold(conn, id).await? else { return Ok(Outcome::Gone) };
    if tenant::is_claimed(conn, id).await? {
        return Ok(Outcome::Refused(format!("another item makes tenant {id}, or has made it")));
    }
    let dropped = match held.state.as_str() {
        "pending" => tenant::take_back(conn, &held, surgery).await?,
        _ if held.is_gone() => json!({}),
        state => {
            return Ok(Outcome::Refused(format!("tenant {id} is {state}: it may have data")));
        }
    };
    let undone = forget_stages(conn, item).await?;
    if held.is_gone() && undone == 0 {
        return Ok(Outcome::Gone);
    }
    let detail = json!({ "item": item, "dropped": dropped, "stages": undone });
    let action = "tenant.released";
    Ok(Outcome::Done(Deed { action, tenant: Some(id), operation: Some(operation), detail }))
}

async fn names(
    conn: &mut PgConnection,
    item: ItemId,
) -> sqlx::Result<Option<(OperationId, TenantId)>> {
    let row: Option<(sqlx::types::Uuid, Option<i64>)> = sqlx::query_as(
        "select operation_id, tenant_id from tenantry.operation_items where id = $1",
    )
    .bind(item.get())
    .fetch_optional(conn)
    .await?;
    Ok(row.and_then(|(operation, tenant)| {
        Some((OperationId::new(operation), TenantId::new(tenant?)))
    }))
}

async fn is_over(conn: &mut PgConnection, item: ItemId) -> sqlx::Result<bool> {
    let over = sqlx::query(
        "select from tenantry.operation_items
         where id = $1 and state in ('failed', 'cancelled', 'rolled_back') for update",
    )
    .bind(item.get())
    .fetch_optional(conn)
    .await?;
    Ok(over.is_some())
}

async fn forget_stages(conn: &mut PgConnection, item: ItemId) -> sqlx::Result<u64> {
    let undone = sqlx::query(
        "update tenantry.checkpoints set undone_at = clock_timestamp()
         where item_id = $1 and undone_at is null",
    )
    .bind(item.get())
    .execute(conn)
    .await?;
    Ok(undone.rows_affected())
}
