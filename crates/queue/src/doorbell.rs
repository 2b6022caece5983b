//! Hints between processes, over LISTEN and NOTIFY: there are jobs, an operation has ended. A poll, which
//! is the truth, finds both without them.
//!
//! A ring is a statement of its own, after the commit of what it tells of, and says nothing but its
//! channel: any role may fill the server's queue of notifications, and every COMMIT that contains a
//! NOTIFY fails from then on; and any role may listen. The queue's own listener is not used: it takes
//! one notification for each poll, so a burst leaves it far behind.

use std::{convert::Infallible, sync::Arc, time::Duration};

use futures::{FutureExt as _, channel::mpsc};
use sqlx::{PgConnection, PgPool, postgres::PgListener};
use store::Connections;
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// Rings that brought nothing and are passed on at once. Any role may ring as often as it likes, and
/// each ring costs a look at a table: with [`GAP`], 20 in a second at most.
const BURST: f64 = 4.0;

/// After a burst that brought nothing, one more ring is passed on after each of these.
const GAP: Duration = Duration::from_micros(62_500);

/// First wait between two tries to listen again; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// Longest wait between two tries to listen again.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What a ring tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bell {
    /// Jobs that are due.
    Jobs,
    /// The end of an operation.
    Ends,
    /// A tenant that a caller asks to be looked at.
    Checks,
}

impl Bell {
    /// The channel that the ring goes through.
    #[must_use]
    pub const fn channel(self) -> &'static str {
        match self {
            Self::Jobs => "tenantry_jobs",
            Self::Ends => "tenantry_batch_finished",
            Self::Checks => "tenantry_checks",
        }
    }
}

/// Tells every process that listens. Call it after the COMMIT of what there is to tell.
///
/// A failure is logged: the poll finds what was not told.
pub async fn ring(pool: &Connections, bell: Bell) {
    match pool.acquire().await {
        Ok(mut conn) => ring_over(&mut conn, bell).await,
        Err(error) => note_failure(bell, &error),
    }
}

/// The same over the connection on which the COMMIT was, which nobody waits for to be given back.
pub async fn ring_over(conn: &mut PgConnection, bell: Bell) {
    // A ring that a crash undoes is found by the poll: nobody waits for the disk.
    let sql = "select set_config('synchronous_commit', 'off', true), pg_notify($1, '')";
    if let Err(error) = sqlx::query(sql).bind(bell.channel()).execute(conn).await {
        note_failure(bell, &error);
    }
}

fn note_failure(bell: Bell, error: &sqlx::Error) {
    let channel = bell.channel();
    warn!(channel, %error, "could not notify channel {channel}; the next poll finds the work");
}

/// One more receiver of a bell's rings, over the listeners' connection. The bell may be theirs or another one.
/// The receiver itself limits how often it acts on a ring.
#[derive(Debug, Clone)]
pub struct Beside {
    /// What is listened to.
    pub bell: Bell,
    /// Told of each ring.
    pub told: Arc<Notify>,
}

/// Rings of `bell` until `stop`, for `N` listeners over one connection of `pool`. A burst arrives as one ring. Notify
/// `fruitful` (`notify_one`) when a ring brought something: such rings are passed on at once, others
/// at most 20 times a second.
pub fn listen<const N: usize>(
    pool: PgPool,
    bell: Bell,
    beside: Vec<Beside>,
    fruitful: Arc<Notify>,
    stop: CancellationToken,
) -> [mpsc::Receiver<()>; N] {
    let mut senders = Vec::with_capacity(N);
    let receivers = std::array::from_fn(|_| {
        // Capacity for one ring beside the sender's own slot: more would say nothing new.
        let (sender, receiver) = mpsc::channel(0);
        senders.push(sender);
        receiver
    });
    let heard = Notify::new();
    tokio::spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = hear_for_ever(&pool, bell, &beside, &heard) => {}
            () = pass_on(&heard, &fruitful, senders) => {}
        }
    });
    receivers
}

async fn hear_for_ever(pool: &PgPool, bell: Bell, beside: &[Beside], heard: &Notify) {
    let mut wait = FIRST_WAIT;
    loop {
        let began = Instant::now();
        let Err(error) = hear(pool, bell, beside, heard).await;
        let cause = telemetry::chain(&error);
        warn!(channel = bell.channel(), cause, "lost the connection that listens; polling goes on");
        if began.elapsed() > LONGEST_WAIT {
            wait = FIRST_WAIT;
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Reads every notification as it comes: what is not read stays in the server's queue.
async fn hear(
    pool: &PgPool,
    bell: Bell,
    beside: &[Beside],
    heard: &Notify,
) -> Result<Infallible, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    let channels = beside.iter().map(|it| it.bell).chain([bell]);
    listener.listen_all(channels.map(Bell::channel)).await?;
    // `None`: of each, as some may have been missed.
    let tell = |rung: Option<&str>| {
        let is_rung = |of: Bell| rung.is_none_or(|rung| rung == of.channel());
        beside.iter().filter(|it| is_rung(it.bell)).for_each(|it| it.told.notify_one());
        if is_rung(bell) {
            heard.notify_one();
        }
    };
    // What came before we listened.
    tell(None);
    loop {
        match listener.try_recv().await? {
            Some(rung) => tell(Some(rung.channel())),
            // The connection was lost and made anew, and rings may have been missed.
            None => {
                debug!("the connection that listens was made anew");
                tell(None);
            }
        }
    }
}

async fn pass_on(heard: &Notify, fruitful: &Notify, mut listeners: Vec<mpsc::Sender<()>>) {
    let mut left = BURST;
    let mut counted = Instant::now();
    loop {
        heard.notified().await;
        left = (left + counted.elapsed().div_duration_f64(GAP)).min(BURST);
        counted = Instant::now();
        if fruitful.notified().now_or_never().is_some() {
            left = (left + 1.0).min(BURST);
        }
        if left < 1.0 {
            tokio::select! {
                () = fruitful.notified() => {}
                () = tokio::time::sleep(GAP.mul_f64(1.0 - left)) => {}
            }
            left = 1.0;
            counted = Instant::now();
        }
        left -= 1.0;
        listeners
            .retain_mut(|rings| !rings.try_send(()).is_err_and(|error| error.is_disconnected()));
        if listeners.is_empty() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;

    use super::*;

    /// Rings that arrive within a second while others ring without a pause.
    async fn flooded(of_use: bool) -> usize {
        let (heard, fruitful) = (Notify::new(), Arc::new(Notify::new()));
        let (sender, mut rings) = mpsc::channel(0);
        let flood = async {
            loop {
                heard.notify_one();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let mut arrived = 0;
        let count = async {
            while rings.next().await.is_some() {
                arrived += 1;
                tokio::task::yield_now().await;
                if of_use {
                    fruitful.notify_one();
                }
            }
        };
        tokio::select! {
            () = flood => {}
            () = count => {}
            () = pass_on(&heard, &fruitful, vec![sender]) => {}
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        arrived
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_rings_costs_twenty_looks_a_second() {
        let looks = flooded(false).await;

        assert!((18..=20).contains(&looks), "{looks}");
    }

    /// The job of a ring may be found before the ring is heard: the next ring is not the later for it.
    #[tokio::test(start_paused = true)]
    async fn a_ring_every_ten_milliseconds_waits_for_nothing_if_each_brings_a_job_sooner_or_later()
    {
        let (heard, fruitful) = (Notify::new(), Notify::new());
        let (sender, mut rings) = mpsc::channel(0);
        let calls = async {
            for _ in 0..100 {
                fruitful.notify_one();
                tokio::time::sleep(Duration::from_millis(5)).await;
                let rung = Instant::now();
                heard.notify_one();
                rings.next().await.unwrap();
                assert_eq!(rung.elapsed(), Duration::ZERO);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };

        tokio::select! {
            () = calls => {}
            () = pass_on(&heard, &fruitful, vec![sender]) => {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rings_that_bring_jobs_wait_for_nothing() {
        let looks = flooded(true).await;

        assert!(looks > 300, "{looks}");
    }
}
