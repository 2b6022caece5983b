//! Counts what else an operation's caller has under way.

use domain::OperationId;
use sqlx::PgConnection;

/// Where the count stops: from here on one operation more makes little difference.
const MOST: i64 = 100;

/// How many other operations of the caller who submitted `operation` are under way: not over, not paused,
/// and not for later. Counts no further than 100, by an index that holds such operations alone.
pub async fn ahead(conn: &mut PgConnection, operation: OperationId) -> sqlx::Result<u32> {
    let others = sqlx::query_scalar!(
        r#"select count(*) as "count!" from (
               select from tenantry.operations o
               where o.created_by = (select created_by from tenantry.operations where id = $1)
                 and o.finished_at is null and o.run_at is null and o.paused_at is null
                 and o.id <> $1
               limit $2) as others"#,
        operation.get(),
        MOST,
    )
    .fetch_one(conn)
    .await?;
    Ok(u32::try_from(others).unwrap_or(u32::MAX))
}
