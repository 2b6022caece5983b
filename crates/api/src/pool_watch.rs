//! Keeps the pool usable while the server, or the password, changes.
//!
//! A connection that a router forgot, or whose other end lost its power, answers nothing and fails
//! nothing, for as long as the operating system's patience lasts: a quarter of an hour. Requests
//! that run out of time give their connections back, and the pool waits for those for just as
//! long, until it has none left. So the pool is replaced when it does not answer and the server does.
//!
//! The URL and the password are read anew at each look. Why the database is away is logged once.

use std::time::Duration;

use sqlx::{Connection as _, postgres::PgConnectOptions};
use store::Unreachable;
use tokio::time;
use tracing::{error, info, warn};

use crate::{context::Context, run::options};

const EVERY: Duration = Duration::from_secs(5);

/// Longest wait for an answer that a server with nothing in its way gives at once.
const PATIENCE: Duration = Duration::from_secs(2);

/// Looks in a row without an answer after which the pool is given up.
const STRIKES: u32 = 2;

pub(crate) async fn run(context: Context) {
    let stop = context.stop.clone();
    stop.run_until_cancelled(watch(&context)).await;
}

async fn watch(context: &Context) {
    let (mut strikes, mut told) = (0, None);
    let mut ticks = time::interval(EVERY);
    ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        renew(context);
        if answers(context).await {
            strikes = 0;
            if told.take().is_some() {
                info!("the control database answers again");
            }
            continue;
        }
        strikes += 1;
        let options = context.pool().connect_options().as_ref().clone();
        match store::reach(&options, PATIENCE).await {
            // With the database away a new pool would be no better.
            Err(unreachable) => tell(&unreachable, &mut told),
            Ok(_) if strikes < STRIKES => {}
            Ok(reached) => {
                error!("no connection of the pool answers, and new ones do: replacing the pool");
                if let Some(unencrypted) = reached.unencrypted {
                    warn!("{unencrypted}");
                }
                let database = &context.settings.database;
                context.replace_pool(store::pool(reached.options, database));
                strikes = 0;
            }
        }
    }
}

/// Has the next connections opened by the URL and password that are in force now.
fn renew(context: &Context) {
    match options(&context.settings.database) {
        Ok(fresh) => {
            if store::renew(&context.pool(), fresh) {
                info!("the database's URL or password has changed; new connections use it");
            }
        }
        Err(error) => {
            let cause = telemetry::chain(error.as_ref());
            warn!(cause, "new connections use the URL as it was");
        }
    }
}

async fn answers(context: &Context) -> bool {
    let question = async { context.pool().acquire().await?.ping().await };
    matches!(time::timeout(PATIENCE, question).await, Ok(Ok(())))
}

/// Says why no connection is to be had, once for each reason.
fn tell(unreachable: &Unreachable, told: &mut Option<String>) {
    let cause = telemetry::chain(unreachable);
    if told.as_ref() == Some(&cause) {
        return;
    }
    if unreachable.is_refused_login() {
        error!("{cause}; waiting for another password (DATABASE_URL_FILE or the password file)");
    } else {
        warn!(cause, "the control database is away");
    }
    *told = Some(cause);
}

/// Whether the server gives this process a connection, asked at most once in a while however many
/// requests want to know.
#[derive(Debug, Default)]
pub(crate) struct Reach(tokio::sync::Mutex<Option<(time::Instant, bool)>>);

/// How long an answer is good.
const GOOD_FOR: Duration = Duration::from_secs(1);

impl Reach {
    pub(crate) async fn is_there(&self, options: &PgConnectOptions) -> bool {
        let mut last = self.0.lock().await;
        if let Some((at, there)) = *last
            && at.elapsed() < GOOD_FOR
        {
            return there;
        }
        let there = store::reach(options, PATIENCE).await.is_ok();
        *last = Some((time::Instant::now(), there));
        there
    }
}
