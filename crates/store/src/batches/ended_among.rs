//! Says which batches are over.

use domain::BatchId;
use sqlx::PgConnection;

/// Those of `batches` that are over. One statement whatever their number.
///
/// # Errors
/// When the rows cannot be read.
pub async fn ended_among(
    conn: &mut PgConnection,
    batches: &[BatchId],
) -> sqlx::Result<Vec<BatchId>> {
    let ids: Vec<_> = batches.iter().map(|batch| batch.get()).collect();
    let ended = sqlx::query_scalar!(
        "select id from tenantry.batches where id = any($1) and finished_at is not null",
        &ids,
    )
    .fetch_all(conn)
    .await?;
    Ok(ended.into_iter().map(BatchId::new).collect())
}
