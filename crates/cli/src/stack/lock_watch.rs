//! Set-up waits for locks that others hold, and not for ever: then it says who holds them.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection, PgPool};

use crate::failure::Failure;

/// Between two looks at who holds what set-up waits for.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Who holds a lock that a session of this program waits for.
const HOLDERS: &str = "
    select distinct format('session %s of role %s, in a transaction since %s', h.pid, h.usename,
        coalesce(to_char(h.xact_start, 'YYYY-MM-DD HH24:MI:SS TZ'), 'an unknown time')), h.pid
    from pg_catalog.pg_stat_activity w
    cross join lateral unnest(pg_catalog.pg_blocking_pids(w.pid)) as blocking (pid)
    join pg_catalog.pg_stat_activity h on h.pid = blocking.pid
    where w.datname = current_database() and w.application_name = 'tenantry'
      and h.wait_event_type is distinct from 'Lock'";

/// Runs `setting_up`. When it gave up a wait for a lock, its error names who holds that.
pub(super) async fn watched<T>(
    pool: &PgPool,
    setting_up: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let mut holders = Vec::new();
    let done = tokio::select! {
        done = setting_up => done,
        () = watch(pool, &mut holders) => unreachable!("it looks until it is dropped"),
    };
    done.map_err(|error| if waited_in_vain(&error) { named(error, &holders) } else { error })
}

/// Looks who is in the way, until it is dropped. Keeps what it saw last.
async fn watch(pool: &PgPool, holders: &mut Vec<(String, i32)>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        // A look that fails tells of nobody: set-up goes on, and tells its own failure.
        let options = pool.connect_options();
        let Ok(mut conn) = PgConnection::connect_with(&options).await else { continue };
        while let Ok(seen) = sqlx::query_as(HOLDERS).fetch_all(&mut conn).await {
            if !seen.is_empty() {
                *holders = seen;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

fn waited_in_vain(error: &anyhow::Error) -> bool {
    let database = error.chain().find_map(|cause| cause.downcast_ref::<sqlx::Error>());
    database
        .and_then(sqlx::Error::as_database_error)
        .is_some_and(|error| error.code().as_deref() == Some("55P03"))
}

fn named(error: anyhow::Error, holders: &[(String, i32)]) -> anyhow::Error {
    let what = format!("{error:#}");
    let failure = match holders {
        [] => Failure::new(format!("{what}: another session holds a lock that set-up needs"))
            .advise("`select * from pg_locks where granted` shows the locks; try again"),
        [(first, pid), rest @ ..] => {
            let others = match rest.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            Failure::new(format!("{what}: {first}{others} holds a lock that set-up needs"))
                .advise(format!("`select pg_terminate_backend({pid})`, and again"))
        }
    };
    failure.into()
}
