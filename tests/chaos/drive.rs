//! Runs rounds one after another, has each judged, and says how to run a bad one again.

use std::{
    env,
    fmt::Display,
    str::FromStr,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::{
    bed::Bed,
    dice::{Dice, seed_of_round},
    judge::{RESTS_IN, judge},
    rounds::{Kind, Size},
    support::tell,
    tally::Tally,
};

/// Rounds on one system before a new one is made.
const ROUNDS_ON_A_BED: usize = 30;

/// What the environment asks for.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// `CHAOS_SEED`, or one that nobody chose.
    pub(crate) seed: u64,
    /// `CHAOS_ROUNDS`: how many.
    pub(crate) rounds: Option<u64>,
    /// `CHAOS_SECONDS`: no round begins later.
    pub(crate) time: Option<Duration>,
    /// `CHAOS_KIND`: of one kind only.
    pub(crate) kind: Option<Kind>,
    /// `CHAOS_SIZE`: of one size only.
    pub(crate) size: Option<Size>,
}

impl Wanted {
    /// Reads it.
    ///
    /// # Panics
    /// If a value makes no sense.
    pub(crate) fn read() -> Self {
        Self {
            seed: read("CHAOS_SEED").unwrap_or_else(unchosen_seed),
            rounds: read("CHAOS_ROUNDS"),
            time: read("CHAOS_SECONDS").map(Duration::from_secs),
            kind: env::var("CHAOS_KIND").ok().map(|name| {
                Kind::named(&name).unwrap_or_else(|| panic!("CHAOS_KIND={name} is no kind"))
            }),
            size: env::var("CHAOS_SIZE").ok().map(|name| {
                Size::named(&name).unwrap_or_else(|| panic!("CHAOS_SIZE={name} is no size"))
            }),
        }
    }
}

fn read<T: FromStr>(name: &str) -> Option<T>
where
    T::Err: Display,
{
    let text = env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}

fn unchosen_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
    // Nanoseconds of this year or that: what matters is that two runs differ.
    seed_of_round(now.as_nanos() as u64, u64::from(std::process::id()))
}

/// One round to be run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    pub(crate) kind: Kind,
    pub(crate) seed: u64,
    pub(crate) size: Size,
}

/// Says how to run the round again if it does not come to its end.
struct Replay(Round);

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Round { kind, seed, size } = self.0;
            tell(&format!(
                "this round again: CHAOS_SEED={seed} CHAOS_KIND={} CHAOS_SIZE={} CHAOS_ROUNDS=1 \
                 cargo test -p tests --test chaos -- --nocapture {MANY}",
                kind.as_str(),
                size.as_str()
            ));
        }
    }
}

/// The test that runs what the environment asks for.
pub(crate) const MANY: &str = "rounds_of_any_kind_lose_nothing";

/// Runs these kinds, one round each, on one system where that is possible.
pub(crate) async fn one_of_each(kinds: &[Kind]) -> Tally {
    let wanted = Wanted::read();
    let size = wanted.size.unwrap_or(Size::Small);
    let mut bed = None;
    let mut tally = Tally::default();
    for (n, kind) in (0..).zip(kinds) {
        let round = Round { kind: *kind, seed: seed_of_round(wanted.seed, n), size };
        run(&mut bed, round, &mut tally).await;
    }
    close(bed, &mut tally).await;
    tell(&format!("{} faults, {} items, nothing lost", tally.faults(), tally.items));
    assert_eq!(tally.gave_up, Vec::<String>::new());
    tally
}

/// Runs what the environment asks for; a round of mixed faults if it does not ask.
pub(crate) async fn many() -> Tally {
    let wanted = Wanted::read();
    let many = wanted.rounds.is_some() || wanted.time.is_some();
    let began = Instant::now();
    let mut bed = None;
    let mut on_this_bed = 0;
    let mut tally = Tally::default();
    for n in 0.. {
        let enough = n >= wanted.rounds.unwrap_or(if many { u64::MAX } else { 1 });
        if enough || wanted.time.is_some_and(|time| began.elapsed() > time) {
            break;
        }
        on_this_bed += 1;
        if on_this_bed > ROUNDS_ON_A_BED {
            close(bed.take(), &mut tally).await;
            on_this_bed = 1;
        }
        let round = choose(&wanted, n, many);
        run(&mut bed, round, &mut tally).await;
    }
    close(bed, &mut tally).await;
    tell(&format!("seed {}, {:.0} s\n\n{tally}", wanted.seed, began.elapsed().as_secs_f64()));
    assert_eq!(tally.gave_up, Vec::<String>::new());
    tally
}

/// The `n`-th round of a run. Every kind has its turn; the long ones less often.
fn choose(wanted: &Wanted, n: u64, many: bool) -> Round {
    use Kind::{
        Blackout, Crash, Cut, Dead, Disk, Halt, Hostile, Kill, Locks, Mixed, Race, Restart,
        Segments, Starve,
    };
    const TURNS: &[Kind] = &[
        Kill, Cut, Restart, Mixed, Crash, Cut, Kill, Race, Mixed, Restart, Dead, Halt, Kill,
        Starve, Mixed, Crash, Cut, Restart, Kill, Locks, Cut, Race, Disk, Mixed, Blackout, Hostile,
        Segments,
    ];
    let kind = if many { TURNS[(n % TURNS.len() as u64) as usize] } else { Mixed };
    let usual = if many { Size::Usual } else { Size::Small };
    let kind = wanted.kind.unwrap_or(kind);
    let large = many && n.is_multiple_of(3) && matches!(kind, Kill | Mixed | Restart);
    let size = if large { Size::Large } else { usual };
    Round { kind, seed: seed_of_round(wanted.seed, n), size: wanted.size.unwrap_or(size) }
}

/// Runs one round and judges it.
///
/// # Panics
/// If something is not as it must be.
async fn run(bed: &mut Option<Bed>, round: Round, tally: &mut Tally) {
    let Round { kind, seed, size } = round;
    let _replay = Replay(round);
    let mut own = None;
    let bed = if kind.has_bed_of_its_own() { &mut own } else { bed };
    if bed.is_none() {
        *bed = kind.bed().await;
    }
    let Some(bed) = bed else { return };
    let began = Instant::now();
    let before = bed.tally.faults();
    let each: Vec<u64> = kind.faults().iter().map(|any| bed.tally.of(any)).collect();
    kind.run(bed, &mut Dice::new(seed), size).await;
    let faults = bed.tally.faults() - before;
    for (any, before) in kind.faults().iter().zip(each) {
        assert!(bed.tally.of(any) > before, "a round of {} did none of {any:?}", kind.as_str());
    }
    bed.move_all_up().await;
    let broken = began.elapsed();
    let recovered = settle_accounts(bed, round, false).await;
    bed.tally.rounds += 1;
    tell(&format!(
        "{} (seed {seed}, {}): {faults} faults in {:.1} s, all ended {:.1} s after the last, judged \
         after {:.1} s, {} items so far",
        kind.as_str(),
        size.as_str(),
        broken.as_secs_f64(),
        recovered.as_secs_f64(),
        began.elapsed().as_secs_f64(),
        bed.tally.items,
    ));
    close(own, tally).await;
}

/// Has the system judged, and panics unless all is well: how long it took to recover.
async fn settle_accounts(bed: &mut Bed, round: Round, in_depth: bool) -> Duration {
    let verdict = judge(bed, in_depth, RESTS_IN).await;
    let violations = verdict.violations;
    let tally = &mut bed.tally;
    tally.items = verdict.items;
    tally.batches = verdict.batches;
    tally.lost += verdict.lost;
    tally.duplicates += verdict.duplicates;
    tally.orphans += verdict.orphans;
    tally.together += verdict.together;
    if verdict.recovered_in > tally.longest && !in_depth {
        tally.longest = verdict.recovered_in;
        tally.slowest_round = format!("{}, seed {}", round.kind.as_str(), round.seed);
    }
    assert!(violations.is_empty(), "\n  {}\n\n{tally}", violations.join("\n  "));
    verdict.recovered_in
}

/// Looks at every tenant once more, and adds up.
async fn close(bed: Option<Bed>, tally: &mut Tally) {
    let Some(mut bed) = bed else { return };
    let last = Round { kind: Kind::Mixed, seed: 0, size: Size::Small };
    settle_accounts(&mut bed, last, true).await;
    tally.add(std::mem::take(&mut bed.tally));
}
