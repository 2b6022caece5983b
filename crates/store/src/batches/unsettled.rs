//! Finds batches that somebody should have ended.

use domain::BatchId;
use sqlx::PgConnection;

/// Open batches without an open item, at most 100: whoever ended their last item died before it
/// could end them.
///
/// # Errors
/// When the statement fails.
pub async fn unsettled(conn: &mut PgConnection) -> sqlx::Result<Vec<BatchId>> {
    let ids = sqlx::query_scalar!(
        "select b.id from tenantry.batches b
         where b.finished_at is null
           and not exists (select 1 from tenantry.batch_items i where i.batch_id = b.id
               and i.state in ('queued', 'running', 'retrying', 'compensating'))
         limit 100",
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(BatchId::new).collect())
}

/// Open batches past their deadline that nobody has cancelled yet, at most 100.
///
/// # Errors
/// When the statement fails.
pub async fn overdue(conn: &mut PgConnection) -> sqlx::Result<Vec<BatchId>> {
    let ids = sqlx::query_scalar!(
        "select id from tenantry.batches
         where finished_at is null and deadline_at < clock_timestamp()
           and cancel_requested_at is null
         limit 100",
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(BatchId::new).collect())
}
