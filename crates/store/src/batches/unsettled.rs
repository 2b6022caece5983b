//! Finds batches that somebody should have ended.

use domain::BatchId;
use sqlx::PgConnection;

/// Open batches that wait for nobody, at most 100: whoever ended or built their last item died
/// before it could see to the batch. Among them are all-or-nothing batches that have an item to
/// turn back for and are not rolling back yet, and those that turn back and still hold built items.
///
/// # Errors
/// When the statement fails.
pub async fn unsettled(conn: &mut PgConnection) -> sqlx::Result<Vec<BatchId>> {
    let ids = sqlx::query_file_scalar!("queries/batches/unsettled.sql").fetch_all(conn).await?;
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
