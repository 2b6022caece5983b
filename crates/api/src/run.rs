//! Runs the API until it is told to stop.

use std::time::Duration;

use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use settings::Settings;
use tokio::{net::TcpListener, time};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};

use crate::{
    context::Context, origin_watch, pool_watch, router::router, schema_watch::SchemaWatch, server,
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
    let url = settings.database.require_url()?.expose_secret();
    let (url, database) = (url.to_owned(), settings.database.clone());
    let open = move || store::connect(&url, &database, "tenantry-api");
    let pool = open().context("could not read DATABASE_URL")?;
    let context = Context::new(settings, pool, stop.clone())?;
    origin_watch::before_serving(&context).await?;
    let mut schema = SchemaWatch::default();
    schema.look(&context).await?;
    let address = listener.local_addr().context("could not read the listener's address")?;
    let origin = tokio::spawn(origin_watch::watch(context.clone()));
    let schema = tokio::spawn(schema.watch(context.clone()));
    let background = TaskTracker::new();
    background.spawn(listen(context.clone()));
    background.spawn(forget(context.clone()));
    background.spawn(pool_watch::run(context.clone(), open));
    background.close();
    info!(%address, "API answers at http://{address}");
    serve(context.clone(), listener, &stop).await;
    background.wait().await;
    context.pool().close().await;
    origin.await.context("the look for copied databases failed")??;
    schema.await.context("the look at the control schema failed")??;
    Ok(())
}

async fn serve(context: Context, listener: TcpListener, stop: &CancellationToken) {
    let api = context.settings().api.clone();
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
    context.events().listen(context.pools(), context.stop()).await;
}

async fn forget(context: Context) {
    let mut ticks = time::interval(FORGET);
    let forgetting = async {
        loop {
            ticks.tick().await;
            context.rate_limit().forget_idle();
        }
    };
    context.stop().run_until_cancelled(forgetting).await;
}
