//! Says which operations are over.

use domain::OperationId;
use sqlx::PgConnection;

/// Whether the operation with this id is over; `None` when there is none.
pub async fn is_finished(conn: &mut PgConnection, id: OperationId) -> sqlx::Result<Option<bool>> {
    sqlx::query_scalar!(
        r#"select finished_at is not null as "finished!" from tenantry.operations where id = $1"#,
        id.get(),
    )
    .fetch_optional(conn)
    .await
}

/// Those of `operations` that are over. One statement whatever their number.
pub async fn ended_among(
    conn: &mut PgConnection,
    operations: &[OperationId],
) -> sqlx::Result<Vec<OperationId>> {
    let ids: Vec<_> = operations.iter().map(|operation| operation.get()).collect();
    let ended = sqlx::query_scalar!(
        "select id from tenantry.operations where id = any($1) and finished_at is not null",
        &ids,
    )
    .fetch_all(conn)
    .await?;
    Ok(ended.into_iter().map(OperationId::new).collect())
}
