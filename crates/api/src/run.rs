//! Runs the API until it is told to stop.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use settings::Settings;
use tokio::{net::TcpListener, time};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};

use crate::{context::Context, router::router};

/// How long requests in flight get to end after `stop`.
const DRAIN: Duration = Duration::from_secs(10);

/// Between two looks for callers whose count may be forgotten.
const FORGET: Duration = Duration::from_secs(60);

/// Serves the API on `listener` until `stop` is cancelled and requests in flight have ended, for
/// which they get 10 s. A database that is away or not migrated is no reason not to start:
/// `/readyz` tells.
///
/// # Errors
/// When a setting that is needed is missing or wrong, or the listener fails.
pub async fn run(
    settings: Settings,
    listener: TcpListener,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let url = settings.database.require_url()?.expose_secret();
    let pool = store::connect(url, &settings.database, "tenantry-api")
        .context("could not read DATABASE_URL")?;
    let context = Context::new(settings, pool.clone(), stop.clone())?;
    let address = listener.local_addr().context("could not read the listener's address")?;
    let background = TaskTracker::new();
    background.spawn(listen(context.clone()));
    background.spawn(forget(context.clone()));
    background.close();
    info!(%address, "API answers at http://{address}");
    let served = serve(context, listener, &stop).await;
    stop.cancel();
    background.wait().await;
    pool.close().await;
    served
}

async fn serve(
    context: Context,
    listener: TcpListener,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let service = router(context).into_make_service_with_connect_info::<SocketAddr>();
    let serving =
        axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let drained = async {
        stop.cancelled().await;
        time::sleep(DRAIN).await;
    };
    tokio::select! {
        served = serving.into_future() => served.context("could not serve the API"),
        () = drained => {
            warn!("requests were still in flight {} s after the stop", DRAIN.as_secs());
            Ok(())
        }
    }
}

async fn listen(context: Context) {
    context.events().listen(context.pool(), context.stop()).await;
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
