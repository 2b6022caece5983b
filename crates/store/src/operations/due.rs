//! Scheduled operations whose time has come.

use domain::OperationId;
use sqlx::PgConnection;

/// Operations that are to be set going now, the longest due first, at most 100. One that is paused,
/// or any while the queue is, waits for the resume.
pub async fn due(conn: &mut PgConnection) -> sqlx::Result<Vec<OperationId>> {
    let ids = sqlx::query_scalar!(
        "select b.id from tenantry.operations b
         where b.run_at is not null and b.state = 'queued' and b.run_at <= clock_timestamp()
           and b.paused_at is null
           and not exists (select from tenantry.installation where paused_at is not null)
         order by b.run_at limit 100",
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(OperationId::new).collect())
}

/// Makes a due operation one like any other. The caller gives its items jobs in the same transaction.
/// False when somebody was faster, or it is not due any more.
pub async fn release_due(conn: &mut PgConnection, id: OperationId) -> sqlx::Result<bool> {
    let released = sqlx::query!(
        "update tenantry.operations set run_at = null
         where id = $1 and run_at <= clock_timestamp() and state = 'queued' and paused_at is null
           and finished_at is null",
        id.get(),
    )
    .execute(conn)
    .await?;
    Ok(released.rows_affected() == 1)
}
