//! One statement in a cluster of ours, over its socket. Packages that can be fetched bring no `psql` and
//! no `createdb`.

use std::io;
use std::thread;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgRow, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::server::Server;

/// Longest wait for one answer. A clone of a template waits for two checkpoints.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs one statement in `database` as superuser; the first column of its rows.
pub(crate) fn run(server: &Server, database: &str, sql: &str) -> sqlx::Result<Vec<String>> {
    let options = PgConnectOptions::new_without_pgpass()
        .host(&server.socket_dir().to_string_lossy())
        .port(server.port())
        .username("postgres")
        .database(database)
        .ssl_mode(PgSslMode::Disable)
        .application_name("localpg");
    let work = async {
        let mut conn = options.connect().await?;
        let rows = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_all(&mut conn).await?;
        conn.close().await?;
        let first = |row: &PgRow| Some(row.try_get_raw(0).ok()?.as_str().ok()?.to_owned());
        Ok(rows.iter().filter_map(first).collect())
    };
    let waited = async {
        let late = |_| sqlx::Error::Io(io::ErrorKind::TimedOut.into());
        timeout(PATIENCE, work).await.map_err(late)?
    };
    // A thread of its own: the caller's may be one of a runtime, where nothing may wait for another.
    thread::scope(|scope| {
        let ran =
            scope.spawn(|| Builder::new_current_thread().enable_all().build()?.block_on(waited));
        ran.join().expect("connecting and asking do not panic")
    })
}

pub(crate) fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_inside_a_name_stay_inside() {
        assert_eq!(ident(r#"a"; drop"#), r#""a""; drop""#);
    }
}
