//! Keeps children running: one that dies is reported and started again, later each time.

use std::time::{Duration, Instant};

use super::child::{Child, Kind, Spec, how};
use crate::show;

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Pause before a dead child is started again; doubles with each death in a row.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// A child that lived this long was well: its next death counts as the first.
const WELL_AFTER: Duration = Duration::from_secs(30);

/// How long the API may take to answer what it has accepted.
const API_STOPS_IN: Duration = Duration::from_secs(10);

/// The children, in the order they were started.
#[derive(Debug)]
pub(super) struct Supervisor {
    seats: Vec<Seat>,
    drain: Duration,
}

/// A place for a child, empty between its death and its next start.
#[derive(Debug)]
struct Seat {
    spec: Spec,
    child: Option<Child>,
    since: Instant,
    deaths: u32,
    next_start: Instant,
}

impl Supervisor {
    /// Without children yet; workers get this time, and a little more, to finish what they have begun.
    pub(super) fn new(drain_ms: u64) -> Self {
        let drain = Duration::from_millis(drain_ms) + Duration::from_secs(5);
        Self { seats: Vec::new(), drain }
    }

    /// Starts a child and waits until it answers: its URL.
    pub(super) async fn start(&mut self, mut spec: Spec) -> anyhow::Result<String> {
        let mut child = spec.spawn()?;
        let url = spec.answers(&mut child).await?;
        // The port must stay the same if the child has to be started again.
        let bound = reqwest::Url::parse(&url).ok().and_then(|url| url.port());
        if let (Kind::Api { port }, Some(bound)) = (&mut spec.kind, bound) {
            *port = bound;
        }
        let now = Instant::now();
        self.seats.push(Seat { spec, child: Some(child), since: now, deaths: 0, next_start: now });
        Ok(url)
    }

    pub(super) async fn watch(&mut self) {
        loop {
            self.seats.iter_mut().for_each(Seat::look);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Stops workers, then the API; kills what does not end in time.
    pub(super) async fn stop(&mut self) {
        let drain = self.drain;
        self.stop_those(|kind| matches!(kind, Kind::Worker), drain).await;
        self.stop_those(|kind| matches!(kind, Kind::Api { .. }), API_STOPS_IN).await;
    }

    pub(super) fn kill(&mut self) {
        for seat in &mut self.seats {
            seat.child = None;
        }
    }

    /// The last lines each child logged, with its name.
    pub(super) fn last_log_lines(&self, count: usize) -> Vec<(String, String)> {
        self.seats.iter().map(|s| (s.spec.name.clone(), s.spec.last_lines(count))).collect()
    }

    async fn stop_those(&mut self, which: impl Fn(&Kind) -> bool, within: Duration) {
        let began = Instant::now();
        let mut stopping: Vec<&mut Seat> =
            self.seats.iter_mut().filter(|s| which(&s.spec.kind) && s.child.is_some()).collect();
        for child in stopping.iter().filter_map(|seat| seat.child.as_ref()) {
            child.ask_to_stop();
        }
        while !stopping.is_empty() && began.elapsed() < within {
            stopping.retain_mut(|seat| seat.child.as_mut().is_some_and(|c| c.ended().is_none()));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        for seat in stopping {
            show::note(format!(
                "{} did not stop in {} s: killed",
                seat.spec.name,
                within.as_secs()
            ));
            seat.child = None;
        }
    }
}

impl Seat {
    fn look(&mut self) {
        match self.child.as_mut().map(Child::ended) {
            Some(None) => {}
            Some(Some(status)) => self.bury(&how(status)),
            None if Instant::now() >= self.next_start => self.start_again(),
            None => {}
        }
    }

    fn bury(&mut self, how: &str) {
        self.child = None;
        let lived = self.since.elapsed();
        self.deaths = if lived > WELL_AFTER { 1 } else { self.deaths + 1 };
        let pause = pause_after(self.deaths);
        self.next_start = Instant::now() + pause;
        show::note(format!(
            "{} ended after {} ({how}); it starts again in {}; log: {}; it wrote last:\n{}",
            self.spec.name,
            show::duration(lived),
            show::duration(pause),
            self.spec.log.display(),
            show::plain(&self.spec.last_lines(1)),
        ));
    }

    fn start_again(&mut self) {
        self.since = Instant::now();
        match self.spec.spawn() {
            Ok(child) => self.child = Some(child),
            Err(e) => {
                show::note(format!("{e:#}"));
                self.deaths += 1;
                self.next_start = Instant::now() + pause_after(self.deaths);
            }
        }
    }
}

fn pause_after(deaths: u32) -> Duration {
    (FIRST_PAUSE * 2_u32.saturating_pow(deaths.saturating_sub(1).min(10))).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_longer_after_each_death_but_not_for_ever() {
        let pauses: Vec<u128> = [1, 2, 3, 40].map(pause_after).map(|p| p.as_millis()).to_vec();

        assert_eq!(pauses, [500, 1_000, 2_000, 15_000]);
    }
}
