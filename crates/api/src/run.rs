//! Runs the API until it is told to stop.

use std::time::Duration;

use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use settings::Settings;
use sqlx::{Connection as _, postgres::PgConnectOptions};
use store::SessionError;
use tokio::{net::TcpListener, time};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};

use crate::{
    context::Context,
    http::{router::router, server},
    pool_watch,
    schema_watch::{self, SchemaWatch},
};

/// How long connections get to end after `stop`, on top of the longest time of a request: enough
/// for each that was accepted to be answered.
const MARGIN: Duration = Duration::from_secs(2);

/// Between two looks for callers whose count may be forgotten.
const FORGET: Duration = Duration::from_secs(60);

/// Serves the API on `listener` until `stop` is cancelled and requests in flight are answered, for
/// which they have `api.request_timeout_ms`. A database that is away or not migrated is no reason not to start:
/// `/readyz` tells.
///
/// # Errors
/// When a setting that is needed is missing or wrong, the listener fails, the database is a copy, or
/// the installation has another master key.
pub async fn run(
    settings: Settings,
    listener: TcpListener,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let options = options(&settings.database)?;
    let options = look(options, &settings.database).await?;
    let pool = store::pool(options, &settings.database);
    let context = Context::new(settings, pool, stop.clone())?;
    schema_watch::before_serving(&context).await?;
    let mut schema = SchemaWatch::default();
    schema.look(&context).await?;
    let address = listener.local_addr().context("could not read the listener's address")?;
    let origin = tokio::spawn(schema_watch::watch_origin(context.clone()));
    let schema = tokio::spawn(schema.watch(context.clone()));
    let background = TaskTracker::new();
    background.spawn(listen(context.clone()));
    background.spawn(forget(context.clone()));
    background.spawn(pool_watch::run(context.clone()));
    background.close();
    info!(%address, "API answers at http://{address}");
    serve(context.clone(), listener, &stop).await;
    background.wait().await;
    context.pool().close().await;
    origin.await.context("the look for copied databases failed")??;
    schema.await.context("the look at the control schema failed")??;
    Ok(())
}

/// How to connect, by the URL and password that are in force now.
pub(crate) fn options(database: &settings::Database) -> anyhow::Result<PgConnectOptions> {
    let url = database.require_url()?;
    store::options(url.expose_secret(), database, "tenantry-api")
        .context("could not read DATABASE_URL")
}

/// Refuses a database whose owner this process may not act for, and says so when the server has too
/// few connections. A database that is away is told of at `/readyz`. Answers how to connect.
async fn look(
    options: PgConnectOptions,
    database: &settings::Database,
) -> anyhow::Result<PgConnectOptions> {
    let patience = Duration::from_millis(database.acquire_timeout_ms);
    let store::Reached { mut conn, options, unencrypted } =
        match store::reach(&options, patience).await {
            Ok(reached) => reached,
            Err(error) if SessionError::of(error.error()).is_some() => return Err(error.into()),
            Err(_) => return Ok(options),
        };
    if let Some(unencrypted) = unencrypted {
        warn!("{unencrypted}");
    }
    let room = store::room(&mut conn).await.context("could not count the connections")?;
    let most = database.max_connections;
    let setting = format!("database.max_connections = {most}");
    if let Some(shortage) = room.shortage(most, &setting) {
        warn!("{shortage}");
    }
    conn.close().await.context("could not close a connection")?;
    Ok(options)
}

async fn serve(context: Context, listener: TcpListener, stop: &CancellationToken) {
    let api = context.settings.api.clone();
    let longest = Duration::from_millis(api.request_timeout_ms) + MARGIN;
    let drained = async {
        stop.cancelled().await;
        time::sleep(longest).await;
    };
    tokio::select! {
        () = server::serve(listener, router(context), &api, stop) => {}
        () = drained => {
            let after_ms = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
            warn!(after_ms, "connections were still open {after_ms} ms after the stop");
        }
    }
}

async fn listen(context: Context) {
    context.events.listen(context.pools(), &context.stop).await;
}

async fn forget(context: Context) {
    let mut ticks = time::interval(FORGET);
    let forgetting = async {
        loop {
            ticks.tick().await;
            context.rate_limit.forget_idle();
        }
    };
    context.stop.run_until_cancelled(forgetting).await;
}
