//! Reads which sets of tenant migrations there are, and which of them the workers have.

use std::time::Duration;

use domain::Kind;
use sqlx::PgConnection;

/// The hashes of the sets that live workers of `kind` have, each once; a worker that is silent for
/// `dead_after` does not count.
pub async fn live_sets(
    conn: &mut PgConnection,
    kind: Kind,
    dead_after: Duration,
) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"select distinct set_hash as "set_hash!" from tenantry.workers
           where stopped_at is null and refused is null and set_hash is not null and $1 = any(kinds)
             and seen_at > clock_timestamp() - make_interval(secs => $2)
           order by 1"#,
        kind.as_str(),
        dead_after.as_secs_f64(),
    )
    .fetch_all(conn)
    .await
}

/// The versions of the set with this hash, in their order; `None` when no worker has registered it.
pub async fn set_versions(
    conn: &mut PgConnection,
    hash: &str,
) -> sqlx::Result<Option<Vec<String>>> {
    sqlx::query_scalar!("select versions from tenantry.migration_sets where hash = $1", hash)
        .fetch_optional(conn)
        .await
}
