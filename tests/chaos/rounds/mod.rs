//! One kind of bad day a file.

mod crash;
mod crash_points;
mod cut;
mod dead_links;
mod disk;
mod halt;
mod hostile;
mod kill;
mod locks;
mod mixed;
mod race;
mod restart;
mod starve;

pub(crate) use disk::SmallDisk;

use crate::{
    bed::{Bed, Plan},
    dice::Dice,
    tally::Fault,
};

/// What a round does to the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A worker aborts at each named point.
    Crash,
    /// The same between the segments of a set of migrations.
    Segments,
    /// Workers and replicas are killed.
    Kill,
    /// PostgreSQL is stopped at once and started again.
    Restart,
    /// Connections break, go dead, or lose an answer.
    Cut,
    /// The connections of one worker go dead and stay open.
    Dead,
    /// Those of all workers and replicas do.
    Blackout,
    /// Workers are halted past their lease.
    Halt,
    /// Callers and workers race.
    Race,
    /// Connections are used up.
    Starve,
    /// Tenants do whatever their sessions may do.
    Hostile,
    /// Any of the above that lasts a moment.
    Mixed,
    /// The server has too few lock slots.
    Locks,
    /// The disk is full.
    Disk,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: &'static [Self] = &[
        Self::Crash,
        Self::Segments,
        Self::Kill,
        Self::Restart,
        Self::Cut,
        Self::Dead,
        Self::Blackout,
        Self::Halt,
        Self::Race,
        Self::Starve,
        Self::Hostile,
        Self::Mixed,
        Self::Locks,
        Self::Disk,
    ];

    /// Its name, as in `CHAOS_KIND`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Segments => "segments",
            Self::Kill => "kill",
            Self::Restart => "restart",
            Self::Cut => "cut",
            Self::Dead => "dead",
            Self::Blackout => "blackout",
            Self::Halt => "halt",
            Self::Race => "race",
            Self::Starve => "starve",
            Self::Hostile => "hostile",
            Self::Mixed => "mixed",
            Self::Locks => "locks",
            Self::Disk => "disk",
        }
    }

    /// The kind of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }

    /// Whether it needs a system that is unfit for other rounds, or leaves one.
    pub(crate) const fn has_bed_of_its_own(self) -> bool {
        matches!(self, Self::Segments | Self::Locks | Self::Disk | Self::Dead | Self::Blackout)
    }

    /// The bed for rounds of this kind; `None` when this machine cannot make it, which is told.
    pub(crate) async fn bed(self) -> Option<Bed> {
        match self {
            Self::Segments => Some(crash::bed_of_segments().await),
            Self::Locks => Some(locks::bed().await),
            Self::Disk => disk::bed().await,
            _ => Some(Bed::make(Plan { apis: 2, workers: 3, ..Plan::default() }).await),
        }
    }

    /// What a round of it does at least: one of each list.
    pub(crate) const fn faults(self) -> &'static [&'static [Fault]] {
        use Fault::{
            ApiKilled, BackendEnded, CancelRetryRace, CommitUnanswered, ConnectionsUsedUp,
            CrashPoint, DatabaseStopped, DiskFull, LinkCut, LinkDead, LinkHalfOpen, LocksUsedUp,
            MigrateRace, SameKey, SettleRace, TenantAttacks, WorkerHalted, WorkerKilled,
        };
        match self {
            Self::Crash | Self::Segments => &[&[CrashPoint]],
            Self::Kill => &[&[WorkerKilled, ApiKilled]],
            Self::Restart => &[&[DatabaseStopped]],
            Self::Cut => &[&[BackendEnded, LinkCut, LinkHalfOpen, CommitUnanswered]],
            Self::Dead | Self::Blackout => &[&[LinkDead]],
            Self::Halt => &[&[WorkerHalted]],
            Self::Race => &[&[SameKey], &[CancelRetryRace], &[SettleRace], &[MigrateRace]],
            Self::Starve => &[&[ConnectionsUsedUp]],
            Self::Hostile => &[&[TenantAttacks]],
            Self::Locks => &[&[LocksUsedUp]],
            Self::Disk => &[&[DiskFull]],
            Self::Mixed => &[],
        }
    }

    /// Does it, with batches of about this size.
    pub(crate) async fn run(self, bed: &mut Bed, dice: &mut Dice, size: Size) {
        match self {
            Self::Crash => crash::run(bed, dice).await,
            Self::Segments => crash::segments(bed, dice).await,
            Self::Kill => kill::run(bed, dice, size).await,
            Self::Restart => restart::run(bed, dice, size).await,
            Self::Cut => cut::run(bed, dice, size).await,
            Self::Dead => dead_links::of_one_worker(bed, dice, size).await,
            Self::Blackout => dead_links::of_all(bed, dice, size).await,
            Self::Halt => halt::run(bed, dice, size).await,
            Self::Race => race::run(bed, dice).await,
            Self::Starve => starve::run(bed, dice, size).await,
            Self::Hostile => hostile::run(bed, dice, size).await,
            Self::Mixed => mixed::run(bed, dice, size).await,
            Self::Locks => locks::run(bed, dice).await,
            Self::Disk => disk::run(bed, dice).await,
        }
    }
}

/// How much a round does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// For every run of the tests.
    Small,
    /// For many rounds.
    Usual,
    /// Batches of 200 to 1,000.
    Large,
}

impl Size {
    /// Its name, as in `CHAOS_SIZE`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Usual => "usual",
            Self::Large => "large",
        }
    }

    /// The size of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Small, Self::Usual, Self::Large].into_iter().find(|size| size.as_str() == name)
    }

    /// Tenants in a batch.
    fn items(self, dice: &mut Dice) -> usize {
        match self {
            Self::Small => dice.count(15, 30),
            Self::Usual => dice.count(50, 200),
            Self::Large => dice.count(200, 1_000),
        }
    }

    /// How often something is done: `few` times in a small round, up to `many` in others.
    fn times(self, dice: &mut Dice, few: u64, many: u64) -> u64 {
        match self {
            Self::Small => few,
            Self::Usual => dice.between(few, many),
            Self::Large => many,
        }
    }
}

/// Asks for what a round begins with: one large batch and some small ones of other sorts.
async fn begin(bed: &mut Bed, dice: &mut Dice, size: Size) {
    let items = size.items(dice);
    let mut wishes = vec![bed.wishes.any(dice, items)];
    for _ in 0..2 {
        let few = dice.count(3, 12);
        wishes.push(bed.wishes.any(dice, few));
    }
    dice.shuffle(&mut wishes);
    for wish in wishes {
        bed.ask(wish).await;
    }
    bed.move_some(dice).await;
    bed.fault_is_over();
}
