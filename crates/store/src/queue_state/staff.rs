//! Reads who would take work, and what forbids it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::Kind;
use sqlx::PgConnection;

/// Who would take an item that waits now.
#[derive(Debug, Clone)]
pub struct Staff {
    /// Since when the whole queue is paused.
    pub paused_at: Option<DateTime<Utc>>,
    /// Whether a worker that would take it has been heard of lately.
    pub has_worker: bool,
    /// Why the last worker that could not start could not, within the last ten minutes.
    pub refused: Option<String>,
}

/// Who would take work of `kind` now, with this set of migrations if it names one; a worker that is silent
/// for `dead_after` would not.
pub async fn staff(
    conn: &mut PgConnection,
    kind: Kind,
    set: Option<&str>,
    dead_after: Duration,
) -> sqlx::Result<Staff> {
    sqlx::query_as!(
        Staff,
        r#"select n.paused_at,
                  exists (select from tenantry.workers w
                          where w.stopped_at is null and $2 = any(w.kinds)
                            and coalesce(w.set_hash = $3, true)
                            and w.seen_at > clock_timestamp() - make_interval(secs => $1))
                      as "has_worker!",
                  (select w.refused from tenantry.workers w
                   where w.refused is not null
                     and w.seen_at > clock_timestamp() - interval '10 minutes'
                     -- another has started since: the cause is gone
                     and not exists (select from tenantry.workers later
                                     where later.refused is null and later.started_at > w.seen_at)
                   order by w.seen_at desc limit 1) as refused
           from tenantry.installation n"#,
        dead_after.as_secs_f64(),
        kind.as_str(),
        set,
    )
    .fetch_one(conn)
    .await
}
