//! Counts tenants, up to a point.

use sqlx::PgConnection;

use super::list::{Filter, by_name};

/// How many tenants `filter` finds, or `at_most` when there are more: a page of a list must not
/// cost more as the fleet grows.
pub async fn count(conn: &mut PgConnection, filter: &Filter, at_most: i64) -> sqlx::Result<i64> {
    if filter.names_one() {
        let found = by_name(conn, filter, None).await?.len();
        return Ok(i64::try_from(found).unwrap_or(i64::MAX));
    }
    sqlx::query_file_scalar!(
        "queries/tenants/count.sql",
        filter.state.map(domain::TenantState::as_str),
        filter.pattern(),
        at_most,
    )
    .fetch_one(conn)
    .await
}
