//! What was done to the system, and what came of it.

use std::{collections::BTreeMap, fmt, time::Duration};

/// A kind of fault, as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    CrashPoint,
    WorkerKilled,
    ApiKilled,
    DatabaseStopped,
    BackendEnded,
    LinkCut,
    LinkHalfOpen,
    LinkDead,
    CommitUnanswered,
    WorkerHalted,
    ConnectionsUsedUp,
    PoolUsedUp,
    TenantAttacks,
    LocksUsedUp,
    DiskFull,
    SameKey,
    CancelRetryRace,
    SettleRace,
    MigrateRace,
}

impl Fault {
    /// What one of it is.
    const fn words(self) -> &'static str {
        match self {
            Self::CrashPoint => "worker aborted at a named point",
            Self::WorkerKilled => "worker killed (SIGKILL)",
            Self::ApiKilled => "API replica killed (SIGKILL)",
            Self::DatabaseStopped => "PostgreSQL stopped at once and restarted",
            Self::BackendEnded => "database session ended (pg_terminate_backend)",
            Self::LinkCut => "connection cut by the proxy",
            Self::LinkHalfOpen => "connection half-open, then cut",
            Self::LinkDead => "connection half-open for good",
            Self::CommitUnanswered => "answer to a COMMIT lost",
            Self::WorkerHalted => "worker halted past its lease (SIGSTOP, SIGCONT)",
            Self::ConnectionsUsedUp => "every connection of the server used up",
            Self::PoolUsedUp => "connection pool of an API replica used up",
            Self::TenantAttacks => "session of a tenant that attacks",
            Self::LocksUsedUp => "transaction refused for want of lock slots",
            Self::DiskFull => "disk full",
            Self::SameKey => "one Idempotency-Key from 20 clients at once",
            Self::CancelRetryRace => "cancel or retry racing with the work",
            Self::SettleRace => "two or more workers settling one batch at once",
            Self::MigrateRace => "migrations of the same tenants asked for or cancelled at once",
        }
    }
}

/// The numbers of a run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    faults: BTreeMap<Fault, u64>,
    pub(crate) rounds: u64,
    pub(crate) batches: u64,
    pub(crate) items: u64,
    pub(crate) lost: u64,
    pub(crate) duplicates: u64,
    pub(crate) orphans: u64,
    pub(crate) together: u64,
    /// Processes that ended although nobody ended them, with their last words.
    pub(crate) gave_up: Vec<String>,
    pub(crate) longest: Duration,
    /// The round that took longest to recover.
    pub(crate) slowest_round: String,
}

impl Tally {
    /// Counts `n` faults that were really done.
    pub(crate) fn count(&mut self, fault: Fault, n: u64) {
        if n > 0 {
            *self.faults.entry(fault).or_default() += n;
        }
    }

    /// How many faults of these kinds were done.
    pub(crate) fn of(&self, kinds: &[Fault]) -> u64 {
        kinds.iter().filter_map(|fault| self.faults.get(fault)).sum()
    }

    /// All faults.
    pub(crate) fn faults(&self) -> u64 {
        self.faults.values().sum()
    }

    /// Adds what another run counted.
    pub(crate) fn add(&mut self, other: Self) {
        for (fault, n) in other.faults {
            self.count(fault, n);
        }
        self.rounds += other.rounds;
        self.batches += other.batches;
        self.items += other.items;
        self.lost += other.lost;
        self.duplicates += other.duplicates;
        self.orphans += other.orphans;
        self.together += other.together;
        self.gave_up.extend(other.gave_up);
        if other.longest > self.longest {
            self.longest = other.longest;
            self.slowest_round = other.slowest_round;
        }
    }
}

/// A table, as it stands in docs/RELIABILITY.md.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| fault | injected |")?;
        writeln!(f, "|---|---:|")?;
        for (fault, n) in &self.faults {
            writeln!(f, "| {} | {n} |", fault.words())?;
        }
        writeln!(f, "| **all faults** | **{}** |", self.faults())?;
        writeln!(f)?;
        writeln!(f, "| outcome | |")?;
        writeln!(f, "|---|---:|")?;
        writeln!(f, "| rounds | {} |", self.rounds)?;
        writeln!(f, "| batches | {} |", self.batches)?;
        writeln!(f, "| items | {} |", self.items)?;
        writeln!(f, "| lost | {} |", self.lost)?;
        writeln!(f, "| duplicates | {} |", self.duplicates)?;
        writeln!(f, "| orphans | {} |", self.orphans)?;
        writeln!(f, "| tenants with two operations at work at one time | {} |", self.together)?;
        writeln!(f, "| processes that gave up | {} |", self.gave_up.len())?;
        let (secs, round) = (self.longest.as_secs_f64(), &self.slowest_round);
        writeln!(
            f,
            "| longest time to recover after the last fault of a round | {secs:.1} s ({round}) |"
        )
    }
}

#[test]
fn faults_are_counted_by_kind_and_in_all() {
    let (mut run, mut round) = (Tally::default(), Tally::default());
    round.count(Fault::LinkCut, 2);
    round.count(Fault::ApiKilled, 1);
    round.count(Fault::DiskFull, 0);
    run.count(Fault::LinkCut, 3);

    run.add(round);

    let table = run.to_string();
    assert_eq!((run.faults(), run.of(&[Fault::LinkCut, Fault::DiskFull])), (6, 5));
    assert!(table.contains("| connection cut by the proxy | 5 |"), "{table}");
    assert!(!table.contains("disk full"), "{table}");
}
