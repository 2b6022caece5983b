//! One life of a worker, under one id: from signing on until it is told to stop, or can no longer
//! say that it lives.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use domain::Backoff;
use engine::{Runner, control};
use operations::{Executor, Parts, Plans, PoolView, RetryRules, SpareBuilder, migrate};
use queue::{Bell, Beside, Buffer, Class, Consumer};
use settings::Settings;
use store::StageLimits;
use tenantdb::Promise;
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    StartError,
    births::Follower,
    checker::Checker,
    examiner::Examiner,
    heartbeat,
    in_progress::InProgress,
    inbox::{Closer, Inbox},
    keeper::{self, Keeper},
    lane::{Lane, Patience},
    pools::Pools,
    settler::Settler,
    sweeper::Sweeper,
};

/// How much of the wait for a lock a silent session may hold one: the rest is for the server to
/// notice and to roll back.
const SILENCE_SHARE: f32 = 0.6;

/// Longest wait at the end of a life for what still runs beside the lanes.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Items of tenants that are there which wait for each lane. They share a fetch and an acknowledgement.
const FLEET_AHEAD: usize = 32;

/// Lanes for what interrupts: it waits behind nothing else, and however much of it there is, new tenants are
/// made meanwhile.
pub(crate) const INTERRUPT_LANES: usize = 1;

/// What there is to do: read once, but for what new tenants are given.
pub(crate) type Work = watch::Sender<Arc<Plans>>;

/// A life that has signed on.
#[derive(Debug)]
pub(crate) struct Life<'a> {
    settings: &'a Settings,
    pools: &'a Pools,
    work: &'a Work,
    id: String,
    /// Cancelled when the others take this life for dead, or will soon.
    lost: CancellationToken,
    /// Ends what runs beside the lanes: after the drain, since items in work still need it.
    over: CancellationToken,
    in_progress: InProgress,
    spares: Arc<PoolView>,
    settler: Settler,
    /// While no operation is open.
    quiet: Arc<AtomicBool>,
    /// Told when a caller asks for a look at a tenant.
    asked: Arc<Notify>,
    /// Told when jobs come, to whomever.
    rung: Arc<Notify>,
}

impl<'a> Life<'a> {
    /// Signs on, under a fresh id.
    pub(crate) async fn begin(
        settings: &'a Settings,
        pools: &'a Pools,
        work: &'a Work,
    ) -> Result<Self, StartError> {
        let id = fresh_id();
        let register = async {
            let mut conn = pools.work.acquire().await?;
            let version = env!("CARGO_PKG_VERSION");
            let plans = Arc::clone(&work.borrow());
            let by = plans.claimant(&id, Duration::from_millis(settings.worker.dead_after_ms));
            store::workers::register(&mut conn, &by, &host(), std::process::id(), version).await?;
            drop(conn);
            control::wake_set(&pools.work, by.set).await
        };
        register.await.map_err(StartError::Register)?;
        let in_progress = InProgress::default();
        let settler = Settler::new(pools.work.clone(), format!("worker:{id}"), in_progress.clone());
        Ok(Self {
            settings,
            pools,
            work,
            id,
            lost: CancellationToken::new(),
            over: CancellationToken::new(),
            in_progress,
            spares: Arc::default(),
            settler,
            quiet: Arc::default(),
            asked: Arc::default(),
            rung: Arc::default(),
        })
    }

    /// Works until `stop`, or until the schema or the master key changes, and finishes what is
    /// begun; or until this life is lost, and drops it.
    pub(crate) async fn run(self, stop: &CancellationToken) {
        let id = &self.id;
        info!(worker.id = %id, concurrency = self.settings.worker.concurrency, "worker {id} starts");
        // Also cancelled when this life is to take no more items and to finish those it has.
        let leave = stop.child_token();
        let mut beside = self.beside(&leave);
        tokio::select! {
            () = self.consume(&leave) => {}
            // Its connections may be dead, and every write of its claims is fenced: no farewell.
            () = self.lost.cancelled() => {}
        }
        self.over.cancel();
        let ended = async { while beside.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_WORDS, ended).await.is_err() {
            warn!(worker.id = %id, "the end of a life took too long");
        }
        if !self.lost.is_cancelled() {
            self.retire().await;
        }
    }

    async fn retire(&self) {
        let retire = async {
            store::workers::retire(&mut *self.pools.work.acquire().await?, &self.id).await
        };
        if let Err(error) = retire.await {
            let cause = telemetry::chain(&error);
            warn!(worker.id = %self.id, cause, "could not sign off; the others will notice");
        }
    }

    /// Starts what runs beside the lanes. Dropping the set ends it.
    fn beside(&self, leave: &CancellationToken) -> JoinSet<()> {
        let worker = &self.settings.worker;
        let pool = &self.pools.work;
        let parts = self.parts();
        let (birth, told) = watch::channel(None);
        let retain_jobs = u64::from(self.settings.queue.retain_done_hours) * 3600;
        let heart = heartbeat::Heart {
            pool: pool.clone(),
            worker: self.id.clone(),
            every: Duration::from_millis(worker.heartbeat_ms),
            dead_after: Duration::from_millis(worker.dead_after_ms),
            queue_silence: Duration::from_millis(self.settings.queue.heartbeat_ms)
                * self.settings.queue.missed_heartbeats,
            sealer: parts.keys.sealer.clone(),
            birth,
        };
        let follower = Follower { pool: pool.clone(), plans: self.work.clone(), birth: told };
        let sweeper = Sweeper {
            pool: pool.clone(),
            worker: self.id.clone(),
            dead_after: Duration::from_millis(worker.dead_after_ms),
            every: Duration::from_millis(worker.sweep_ms),
            retain_jobs: Duration::from_secs(retain_jobs),
            retention: self.settings.retention,
            deletion: self.settings.deletion,
            in_progress: self.in_progress.clone(),
            settler: self.settler.clone(),
            quiet: Arc::clone(&self.quiet),
            installation: parts.installation.clone(),
        };
        let (settler, over) = (self.settler.clone(), self.over.clone());
        let mut beside = JoinSet::new();
        beside.spawn(heart.run(over.clone(), self.lost.clone(), leave.clone()));
        beside.spawn(follower.run(over.clone()));
        beside.spawn(sweeper.run(over.clone()));
        beside.spawn(self.keeper().run(over.clone()));
        beside.spawn(self.checker().run(over.clone()));
        beside.spawn(self.examiner().run(over.clone()));
        let (making, rung) = (parts.making().clone(), Arc::clone(&self.rung));
        beside.spawn(until(over.clone(), async move { making.elsewhere(&rung).await }));
        beside.spawn(until(over.clone(), self.pools.clone().follow(self.settings.clone())));
        beside.spawn(async move { settler.run(over).await });
        beside
    }

    /// What plans are made of now.
    fn parts(&self) -> Arc<Parts> {
        Arc::clone(self.work.borrow().parts())
    }

    fn checker(&self) -> Checker {
        let parts = self.parts();
        let promise = Arc::clone(&parts.newest_promise);
        Checker {
            pool: self.pools.work.clone(),
            references: doctor::References::new((*parts.newest).clone(), promise),
            parts,
            settings: self.settings.checks,
            in_progress: self.in_progress.clone(),
            asked: Arc::clone(&self.asked),
        }
    }

    fn examiner(&self) -> Examiner {
        Examiner { pools: self.pools.clone(), parts: self.parts(), settings: self.settings.clone() }
    }

    fn keeper(&self) -> Keeper {
        let pool = &self.settings.pool;
        Keeper {
            builder: SpareBuilder::new(self.pools.work.clone(), self.parts(), self.limits()),
            plans: self.work.subscribe(),
            view: Arc::clone(&self.spares),
            in_progress: self.in_progress.clone(),
            size: pool.size as usize,
            wanted: pool.size as usize,
            per_second: pool.refill_per_second,
            group: self.group().min(keeper::AT_ONCE),
            every: Duration::from_millis(self.settings.worker.sweep_ms),
        }
    }

    /// Tenants that one transaction builds.
    fn group(&self) -> usize {
        let worker = &self.settings.worker;
        let parts = self.parts();
        let most = |promise: &Promise| promise.tenants_at_once(worker.concurrency);
        most(&parts.promise).min(most(&parts.newest_promise)).min(worker.group_size)
    }

    /// Feeds the lanes from the queue until `stop`, and waits for what they have begun.
    async fn consume(&self, stop: &CancellationToken) {
        let worker = &self.settings.worker;
        // An item is given up by its lane; what the queue does is the net under it.
        let patience = Patience {
            new_tenants: Duration::from_millis(worker.stage_timeout_ms) * 2,
            fleet: migrate::limits().statement * 2,
        };
        let inbox = Arc::new(Inbox::new(Class::NewTenants, worker.fleet_lanes()));
        let interrupts = Arc::new(Inbox::new(Class::Interrupts, 0));
        let _closers = [&inbox, &interrupts].map(|inbox| Closer(Arc::clone(inbox)));
        let mut lanes = JoinSet::new();
        self.open(&mut lanes, worker.concurrency, &inbox, patience);
        self.open(&mut lanes, INTERRUPT_LANES, &interrupts, patience);
        let close = async {
            stop.cancelled().await;
            inbox.close();
            interrupts.close();
        };
        let pool = self.pools.queue.clone();
        let (jobs, urgent) = (Arc::clone(&inbox), Arc::clone(&interrupts));
        let (in_progress, making) = (self.in_progress.clone(), self.parts().making().clone());
        let handle = move |item, class| {
            let inbox = if class == Class::Interrupts { &urgent } else { &jobs };
            let (inbox, in_progress) = (Arc::clone(inbox), in_progress.clone());
            let one_more = (class == Class::NewTenants).then(|| making.begin());
            async move {
                let handled = inbox.handle(&in_progress, item, class).await;
                drop(one_more);
                handled
            }
        };
        let (settings, consumer) = (&self.settings.queue, self.consumer(patience));
        let consumed = queue::consume(pool, settings, &consumer, handle, stop.clone());
        tokio::join!(consumed, close);
        // What they have begun is over, or its time is: dropping the set ends them.
        let drained = async { while lanes.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_WORDS, drained).await.is_err() {
            warn!(worker.id = %self.id, "gave up what was still in work");
        }
    }

    /// Opens so many lanes that take items from `inbox`.
    fn open(&self, lanes: &mut JoinSet<()>, count: usize, inbox: &Arc<Inbox>, patience: Patience) {
        let lane = Arc::new(Lane {
            inbox: Arc::clone(inbox),
            executor: self.executor(),
            settler: self.settler.clone(),
            patience,
            quiet: Arc::clone(&self.quiet),
        });
        for _ in 0..count {
            lanes.spawn(Arc::clone(&lane).run());
        }
    }

    fn consumer(&self, patience: Patience) -> Consumer {
        let worker = &self.settings.worker;
        let group = Executor::most_room(self.group(), self.settings.pool.size > 0);
        let buffer = |lanes: usize, ahead: usize, patience: Duration| Buffer {
            // Twice as many as can be in work: the next ones are at hand when lanes are free, and while those are in
            // work others are fetched.
            handlers: 2 * lanes * ahead,
            timeout: patience * u32::try_from(2 * ahead + 4).unwrap_or(u32::MAX),
        };
        Consumer {
            worker: self.id.clone(),
            new_tenants: buffer(worker.concurrency, group, patience.new_tenants),
            interrupts: buffer(INTERRUPT_LANES, FLEET_AHEAD, patience.fleet),
            fleet: buffer(worker.fleet_lanes(), FLEET_AHEAD, patience.fleet),
            drain_timeout: Duration::from_millis(worker.drain_timeout_ms),
            beside: vec![
                Beside { bell: Bell::Checks, told: Arc::clone(&self.asked) },
                Beside { bell: Bell::Jobs, told: Arc::clone(&self.rung) },
            ],
            quiet: Arc::clone(&self.quiet),
        }
    }

    fn limits(&self) -> StageLimits {
        let worker = &self.settings.worker;
        let lock = Duration::from_millis(worker.lock_timeout_ms);
        StageLimits {
            statement: Duration::from_millis(worker.stage_timeout_ms),
            lock,
            silence: lock.mul_f32(SILENCE_SHARE),
        }
    }

    fn executor(&self) -> Executor {
        let worker = &self.settings.worker;
        // One of `concurrency` connections is replaced each time, so each lasts for
        // `connection_uses` tenants on average.
        let every = u64::from(worker.connection_uses) / worker.concurrency.max(1) as u64;
        let pool = &self.pools.work;
        let runner = Runner::new(pool.clone(), self.limits(), every);
        let plans = self.work.subscribe();
        Executor::new(pool.clone(), runner, plans, rules(worker), self.id.clone())
            .in_groups_of(self.group())
            .with_pool(Arc::clone(&self.spares))
    }
}

async fn until(over: CancellationToken, work: impl Future<Output = ()>) {
    over.run_until_cancelled(work).await;
}

/// When items are tried again, by the settings.
#[must_use]
pub fn rules(worker: &settings::Worker) -> RetryRules {
    RetryRules {
        max_attempts: worker.max_attempts,
        backoff: Backoff { base_ms: worker.backoff_base_ms, cap_ms: worker.backoff_cap_ms },
        dead_after: Duration::from_millis(worker.dead_after_ms),
    }
}

/// A name no process has had before: a reused one would revive a dead worker's claims.
pub(crate) fn fresh_id() -> String {
    format!("{}-{}", host(), ulid::Ulid::generate())
}

/// The name of the machine, as far as it is plain text.
#[must_use]
pub fn host() -> String {
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let name: String =
        name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(40).collect();
    if name.is_empty() { "worker".to_owned() } else { name }
}
