//! Opens the pools on the control database, for every process.

use std::{borrow::Cow, str::FromStr, time::Duration};

use sqlx::{
    Connection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions, PgSslMode},
};

use crate::session;

/// Longest silence of a session within a transaction, in milliseconds. A process that was cut off
/// holds locks no longer than this: a request that is sent again waits for those of its first try.
const SILENCE_MS: u32 = 10_000;

/// A connection used this recently is not asked whether it still lives.
pub(crate) const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// How sessions on `url` are opened: with [`crate::open`], or by a [`pool`]. The password file, if
/// `url` has no password, is read here.
///
/// Sessions carry a statement time-out as the last defence against a query that never ends and
/// an application name, so that `pg_stat_activity` says who is who.
///
/// # Errors
/// When `url` is not a PostgreSQL URL.
pub fn options(
    url: &str,
    database: &settings::Database,
    name: &str,
) -> sqlx::Result<PgConnectOptions> {
    let options = PgConnectOptions::from_str(&with_host(url))?;
    // A URL writes an IPv6 address in brackets, which no resolver takes.
    let host = options.get_host().trim_matches(['[', ']']).to_owned();
    let options = session::with_settings(options.host(&host).application_name(name));
    Ok(options.options([
        ("statement_timeout", database.statement_timeout_ms.to_string()),
        ("idle_in_transaction_session_timeout", SILENCE_MS.to_string()),
    ]))
}

/// `url` with a host, which libpq does not ask for: it may stand in the query, or be the default.
fn with_host(url: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = url.split_once("://") else { return url.into() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host_at = authority.rfind('@').map_or(0, |at| at + 1);
    let host = &authority[host_at..];
    if !host.is_empty() && !host.starts_with(':') {
        return url.into();
    }
    let (before, after) = rest.split_at(host_at);
    format!("{scheme}://{before}localhost{after}").into()
}

/// `options` for sessions that find rows by index only. The planner, which cannot know how long a
/// list of keys is, or how many rows a table has gained since it was last counted, would now and
/// then read all of a table instead.
#[must_use]
pub fn by_key(options: PgConnectOptions) -> PgConnectOptions {
    options.options([
        ("enable_seqscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
    ])
}

/// A pool of `database.max_connections` sessions; connects lazily.
#[must_use]
pub fn pool(options: PgConnectOptions, database: &settings::Database) -> PgPool {
    pool_options(database).connect_lazy_with(options)
}

/// What every pool is like. A session lasts as long as its pool: the server may refuse another, as any
/// role may take all that there are. A session is made [`crate::ready`] when it is opened: who does more in
/// `after_connect` does that first.
#[must_use]
pub fn pool_options(database: &settings::Database) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(database.max_connections)
        .acquire_timeout(Duration::from_millis(database.acquire_timeout_ms))
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(|conn, _| Box::pin(session::ready(conn)))
        // Asked each time it is taken, a connection in use costs a round trip more.
        .test_before_acquire(false)
        .before_acquire(|conn, meta| {
            Box::pin(async move { Ok(meta.idle_for < TRUSTED_FOR || conn.ping().await.is_ok()) })
        })
}

/// Opens the pool's next connections by `fresh` when these differ from its own: a password was
/// changed. Connections that are open stay. Says whether they differed. A pool that does without TLS
/// goes on so where `fresh` only prefers it.
pub fn renew(pool: &PgPool, fresh: PgConnectOptions) -> bool {
    let without_tls = matches!(pool.connect_options().get_ssl_mode(), PgSslMode::Disable);
    let fresh = match fresh.get_ssl_mode() {
        PgSslMode::Prefer if without_tls => fresh.ssl_mode(PgSslMode::Disable),
        _ => fresh,
    };
    // Nothing else shows a password; neither text is kept.
    let differs = format!("{:?}", pool.connect_options()) != format!("{fresh:?}");
    if differs {
        pool.set_connect_options(fresh);
    }
    differs
}

/// Opens the pool's next connections without TLS.
pub fn do_without_tls(pool: &PgPool) {
    pool.set_connect_options(pool.connect_options().as_ref().clone().ssl_mode(PgSslMode::Disable));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> settings::Database {
        settings::Settings::from_env_map(settings::Profile::Default, []).unwrap().database
    }

    async fn planner(pool: &PgPool) -> Vec<String> {
        sqlx::query_scalar(
            "select name from pg_settings
             where name in ('enable_seqscan', 'enable_hashjoin', 'enable_mergejoin', 'jit')
                and setting = 'off' order by 1",
        )
        .fetch_all(pool)
        .await
        .unwrap()
    }

    #[tokio::test]
    async fn sessions_by_key_scan_no_table_and_others_may() {
        let db = harness::fresh_db().await;

        let options = options(&db.url, &database(), "x").unwrap();
        let plain = planner(&pool(options.clone(), &database())).await;
        let by_key = planner(&pool(by_key(options), &database())).await;

        assert_eq!(plain, ["jit"]);
        assert_eq!(by_key, ["enable_hashjoin", "enable_mergejoin", "enable_seqscan", "jit"]);
    }

    #[tokio::test]
    async fn another_password_is_for_the_pools_next_connections() {
        let read = |url: &str| options(url, &database(), "x").unwrap();
        let one = pool(read("postgres://u:one@db/x"), &database());

        let same = renew(&one, read("postgres://u:one@db/x"));
        let other = renew(&one, read("postgres://u:two@db/x"));
        let again = renew(&one, read("postgres://u:two@db/x"));

        assert_eq!((same, other, again), (false, true, false));
    }

    #[test]
    fn a_url_may_leave_the_host_to_its_query_as_with_libpq() {
        let place = |url: &str| {
            let options = options(url, &database(), "x").unwrap();
            let socket = options.get_socket().map(|path| path.display().to_string());
            (options.get_host().to_owned(), options.get_port(), socket)
        };

        let there = |host: &str, port| (host.to_owned(), port, None);
        assert_eq!(place("postgres://u@/db?host=127.0.0.1&port=77"), there("127.0.0.1", 77));
        assert_eq!(place("postgres:///db?host=::1"), there("::1", 5432));
        assert_eq!(place("postgres://u:p@:78/db"), there("localhost", 78));
        assert_eq!(place("postgres://u@db.example/x"), there("db.example", 5432));
        assert_eq!(place("postgres://u@/db?host=/run/pg").2.as_deref(), Some("/run/pg"));
    }

    #[test]
    fn takes_an_ipv6_address_out_of_its_brackets() {
        let options = options("postgres://u:p@[::1]:5432/db", &database(), "x").unwrap();

        assert_eq!((options.get_host(), options.get_port()), ("::1", 5432));
    }
}
