//! How many spares there are.

use sqlx::PgConnection;

use crate::decode::count as natural;

/// How many spares there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpareCount {
    /// Those that a tenant can get: they bear the stamp that is in force.
    pub ready: u64,
    pub other: u64,
}

/// Counts the spares, of which there are as many as the pool's size; for a while twice as many, when
/// others replace them.
pub async fn count(conn: &mut PgConnection, stamp: &str) -> sqlx::Result<SpareCount> {
    let row = sqlx::query!(
        r#"select count(*) filter (where stamp = $1) as "ready!",
                  count(*) filter (where stamp <> $1) as "other!"
           from tenantry.spares"#,
        stamp,
    )
    .fetch_one(conn)
    .await?;
    Ok(SpareCount { ready: natural(row.ready), other: natural(row.other) })
}
