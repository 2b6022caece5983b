//! Finds operations that somebody should have ended.

use domain::OperationId;
use sqlx::PgConnection;

/// Open operations that wait for nobody, at most 100: whoever ended or built their last item died
/// before it could see to the operation. Among them are all-or-nothing operations that have an item to
/// turn back for and are not rolling back yet, and those that turn back and still hold built items.
pub async fn unsettled(conn: &mut PgConnection) -> sqlx::Result<Vec<OperationId>> {
    let ids = sqlx::query_file_scalar!("queries/operations/unsettled.sql").fetch_all(conn).await?;
    Ok(ids.into_iter().map(OperationId::new).collect())
}
