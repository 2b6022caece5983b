//! Opens the pool on the control database.

use std::{str::FromStr, time::Duration};

use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

/// A pool on `url`, with the limits of the settings; connects lazily.
///
/// Sessions carry a statement time-out as the last defence against a query that never ends and
/// an application name, so that `pg_stat_activity` says who is who.
///
/// # Errors
/// When `url` is not a PostgreSQL URL.
pub fn connect(url: &str, database: &settings::Database, name: &str) -> sqlx::Result<PgPool> {
    let options = PgConnectOptions::from_str(url)?.application_name(name).options([
        ("statement_timeout", database.statement_timeout_ms.to_string()),
        ("idle_in_transaction_session_timeout", "60000".to_owned()),
    ]);
    Ok(PgPoolOptions::new()
        .max_connections(database.max_connections)
        .acquire_timeout(Duration::from_millis(database.acquire_timeout_ms))
        .connect_lazy_with(options))
}
