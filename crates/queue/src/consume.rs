//! Takes jobs from the queue and hands their items to a handler, until told to stop.

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use apalis::prelude::{
    AbortError, BackendExt, BoxDynError, Data, ParallelizeExt, TaskId, WorkerBuilder,
    WorkerBuilderExt, WorkerContext,
};
use apalis_postgres::{Config, PostgresStorage};
use domain::ItemId;
use futures::{FutureExt, TryStreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use sqlx::PgPool;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    doorbell::{self, Bell, Beside},
    job::{Class, Job},
    maintain::release_jobs_of,
    wakeup::Wakeup,
};

/// How long a job rests after its item's outcome could not be recorded, in seconds.
const REST_SECS: f64 = 2.0;

/// Longest wait between two lives of the consumer while the database is away, in seconds.
const MAX_RESTART_WAIT_SECS: u64 = 5;

/// What became of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// The item's row says all; the job has done its duty.
    Done,
    /// The outcome could not be recorded: deliver the job again, after a rest.
    Again,
    /// Not begun, because this process stops: deliver the job to another.
    Unbegun,
}

/// How to consume.
#[derive(Debug, Clone)]
pub struct Consumer {
    /// The worker process; unique for each start. Names in the queue begin with it.
    pub worker: String,
    /// For jobs of new tenants.
    pub new_tenants: Buffer,
    /// For jobs that interrupt.
    pub interrupts: Buffer,
    /// For jobs of tenants that are there.
    pub fleet: Buffer,
    /// Handlers begun are waited for this long after `stop`.
    pub drain_timeout: Duration,
    /// Who is told of a bell besides.
    pub beside: Vec<Beside>,
    /// Set while no work is known to be under way anywhere: the queue is looked at less often then,
    /// unless the doorbell rings.
    pub quiet: Arc<AtomicBool>,
}

/// The jobs of a class that are held at a time.
#[derive(Debug, Clone, Copy)]
pub struct Buffer {
    /// Handlers at once. Give more than can work at once: those that wait for their turn hide the
    /// time that fetching and acknowledging take, which the queue does between jobs.
    pub handlers: usize,
    /// A handler that takes longer is given up, and its job delivered again.
    pub timeout: Duration,
}

struct Shared {
    handler: Box<dyn Fn(ItemId, Class) -> BoxFuture<'static, Handled> + Send + Sync>,
    pool: PgPool,
    /// Notified by each job that comes: the last ring was of use.
    fruitful: Arc<Notify>,
}

/// Hands the item of every job, and its class, to `handler` until `stop` is cancelled, then waits for those
/// begun. Survives lost connections and bad payloads by starting over under a fresh name.
///
/// `pool` is the queue's own: a connection listens, the rest fetch and acknowledge.
pub async fn consume<H, F>(
    pool: PgPool,
    settings: &settings::Queue,
    consumer: &Consumer,
    handler: H,
    stop: CancellationToken,
) where
    H: Fn(ItemId, Class) -> F + Send + Sync + 'static,
    F: Future<Output = Handled> + Send + 'static,
{
    let handler = Box::new(move |item, class| handler(item, class).boxed());
    let shared = Arc::new(Shared { handler, pool: pool.clone(), fruitful: Arc::default() });
    let mut wait = Duration::from_millis(250);
    let mut life = 0u32;
    while !stop.is_cancelled() {
        life += 1;
        // Never the same name twice: the queue would revive the dead name's jobs as running.
        let name = format!("{}.{life}", consumer.worker);
        let started = tokio::time::Instant::now();
        match one_life(&name, settings, consumer, &shared, &stop).await {
            Ok(()) => break,
            Err(error) => {
                let cause = telemetry::chain(&*error);
                warn!(worker.id = %name, cause, "the queue's worker died; starting anew");
            }
        }
        if started.elapsed() > Duration::from_secs(60) {
            wait = Duration::from_millis(250);
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => {}
        }
        wait = (wait * 2).min(Duration::from_secs(MAX_RESTART_WAIT_SECS));
        free_jobs(&pool, &name).await;
    }
    free_jobs(&pool, &consumer.worker).await;
}

/// What a life fetched and did not begin goes back at once, instead of after missed heartbeats.
async fn free_jobs(pool: &PgPool, worker: &str) {
    let freed = async { release_jobs_of(&mut *pool.acquire().await?, worker).await }.await;
    match freed {
        Ok(0) => {}
        Ok(jobs) => info!(worker.id = %worker, jobs, "gave {jobs} jobs back to the queue"),
        Err(error) => {
            let cause = telemetry::chain(&error);
            warn!(worker.id = %worker, cause, "could not give jobs back; they time out");
        }
    }
}

/// Consumes the queues of all classes until `stop`, or until one of them dies.
async fn one_life(
    name: &str,
    settings: &settings::Queue,
    consumer: &Consumer,
    shared: &Arc<Shared>,
    stop: &CancellationToken,
) -> Result<(), BoxDynError> {
    let listening = stop.child_token();
    let _stop_listening_on_drop = listening.clone().drop_guard();
    let fruitful = Arc::clone(&shared.fruitful);
    let [for_new, for_interrupts, for_fleet] = doorbell::listen(
        shared.pool.clone(),
        Bell::Jobs,
        consumer.beside.clone(),
        fruitful,
        listening,
    );
    // The queue looks for jobs whenever it is woken: each class is woken for itself (`join!` would poll
    // all), or a look of one would be the other's next.
    let classes = [
        (Class::NewTenants, consumer.new_tenants, for_new),
        (Class::Interrupts, consumer.interrupts, for_interrupts),
        (Class::Fleet, consumer.fleet, for_fleet),
    ];
    let lives = classes.map(|(class, buffer, rings)| {
        let every = Duration::from_millis(settings.poll_ms);
        let wakeup = Wakeup::new(every, rings, Arc::clone(&consumer.quiet));
        class_life(name, Delivery { class, buffer }, wakeup, settings, shared, stop)
    });
    let lives: FuturesUnordered<_> = lives.into_iter().collect();
    tokio::select! {
        ended = lives.try_collect::<()>() => ended,
        () = overdue(stop, consumer.drain_timeout) => {
            warn!(worker.id = %name, "handlers did not finish in time; their items time out");
            Ok(())
        }
    }
}

/// Consumes the queue of one class. An end without `stop` is an error: the others are to end too.
async fn class_life(
    name: &str,
    delivery: Delivery,
    wakeup: Wakeup,
    settings: &settings::Queue,
    shared: &Arc<Shared>,
    stop: &CancellationToken,
) -> Result<(), BoxDynError> {
    let (queue, handlers) = (delivery.class.queue(), delivery.buffer.handlers);
    let config = Config::default()
        .queue(queue)
        // More than the free slots would be buffered, and a full buffer stops the heartbeat.
        .batch_size(settings.batch_size.min(handlers).max(1))
        .heartbeat_interval(Duration::from_millis(settings.heartbeat_ms))
        .missed_heartbeats(settings.missed_heartbeats as usize)
        // The fetch has taken the lock already; this second one could steal another's job.
        .lock_tasks(false)
        .persist_results(true);
    let backend = PostgresStorage::<serde_json::Value>::new(&shared.pool)
        .with_config(config)
        .poll_with_strategy(wakeup);
    let stopped = stop.clone();
    WorkerBuilder::new(format!("{name}.{queue}"))
        .backend(backend)
        .concurrency(handlers)
        .data(Arc::clone(shared))
        .data(delivery)
        .parallelize(tokio::spawn)
        .build(deliver)
        .run_until(async move {
            stopped.cancelled().await;
            Ok::<(), std::io::Error>(())
        })
        .boxed()
        .await?;
    if stop.is_cancelled() { Ok(()) } else { Err("the queue's worker ended early".into()) }
}

/// How the jobs of a class are handed over.
#[derive(Debug, Clone, Copy)]
struct Delivery {
    class: Class,
    buffer: Buffer,
}

/// Returns `grace` after `stop`.
async fn overdue(stop: &CancellationToken, grace: Duration) {
    stop.cancelled().await;
    tokio::time::sleep(grace).await;
}

async fn deliver(
    raw: serde_json::Value,
    id: TaskId,
    worker: WorkerContext,
    shared: Data<Arc<Shared>>,
    delivery: Data<Delivery>,
) -> Result<(), BoxDynError> {
    shared.fruitful.notify_one();
    let Some(job) = Job::read(raw) else {
        error!(job.id = %id, "job {id} carries a payload this version cannot read; dropped");
        return Err(AbortError::new("unreadable payload").into());
    };
    let item = job.item();
    // Time-out and panic are caught here, inside: caught by a layer of the queue, the job would
    // be acknowledged as running and never be seen again.
    let work = AssertUnwindSafe((shared.handler)(item, delivery.class)).catch_unwind();
    match tokio::time::timeout(delivery.buffer.timeout, work).await {
        Ok(Ok(Handled::Done)) => return Ok(()),
        Ok(Ok(Handled::Unbegun)) => return Err("not begun: this worker stops".into()),
        Ok(Ok(Handled::Again)) => {}
        Ok(Err(_)) => error!(item.id = %item, "handling item {item} panicked"),
        Err(_) => error!(item.id = %item, "handling item {item} took too long and was given up"),
    }
    rest(&shared.pool, &id, worker.name()).await;
    Err("the outcome could not be recorded".into())
}

/// Postpones the job's next delivery: the queue itself would deliver it again at once.
async fn rest(pool: &PgPool, id: &TaskId, worker: &str) {
    let rested = sqlx::query(
        "update apalis.jobs set run_at = clock_timestamp() + make_interval(secs => $2)
         where id = $1 and lock_by = $3",
    )
    .bind(id.to_string())
    .bind(REST_SECS)
    .bind(worker)
    .execute(pool)
    .await;
    if let Err(error) = rested {
        warn!(job.id = %id, cause = telemetry::chain(&error), "could not postpone job {id}");
    }
}
