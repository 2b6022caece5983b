//! A batch on its way: a bar on a terminal, a plain line now and then on a pipe.

use std::{
    io::{self, IsTerminal as _},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use contract::BatchProgress;

/// Shortest time between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(2);

const STYLE: &str = "  {bar:32.green/dim} {pos}/{len}  {msg}";

/// Shows progress on standard error.
#[derive(Debug)]
pub(crate) struct BatchBar {
    bar: Option<ProgressBar>,
    last: Option<(Instant, u64)>,
}

impl BatchBar {
    pub(crate) fn new(total: u64) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template(STYLE).expect("the template is a constant");
            bar.set_style(style.progress_chars("━╸─"));
            bar
        });
        Self { bar, last: None }
    }

    pub(crate) fn show(&mut self, progress: &BatchProgress) {
        match &self.bar {
            Some(bar) => {
                bar.set_length(progress.counts.total);
                bar.set_position(progress.counts.ended());
                bar.set_message(rates(progress));
            }
            None => self.plain(progress),
        }
    }

    pub(crate) fn note(&self, text: &str) {
        let text = super::plain(text);
        match &self.bar {
            Some(bar) => bar.println(text),
            None => super::note(text),
        }
    }

    /// Leaves the last state standing.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish();
        }
    }

    /// A line when something changed, at most one every [`LINE_EVERY`], and always the last.
    fn plain(&mut self, progress: &BatchProgress) {
        let ended = progress.counts.ended();
        let due = self.last.is_none_or(|(at, before)| {
            before != ended && (at.elapsed() >= LINE_EVERY || ended == progress.counts.total)
        });
        if due {
            super::note(plain_line(progress));
            self.last = Some((Instant::now(), ended));
        }
    }
}

fn plain_line(progress: &BatchProgress) -> String {
    let percent = progress.counts.ended() * 100 / progress.counts.total.max(1);
    let line = format!(
        "  {percent:3}%  {}/{}  {}",
        progress.counts.ended(),
        progress.counts.total,
        rates(progress)
    );
    line.trim_end().to_owned()
}

fn rates(progress: &BatchProgress) -> String {
    let mut parts = Vec::new();
    if let Some(rate) = progress.tenants_per_second.filter(|rate| *rate > 0.0) {
        parts.push(format!("{rate:.0} tenants/s"));
    }
    if let Some(eta) =
        progress.eta_seconds.filter(|_| progress.counts.ended() < progress.counts.total)
    {
        parts.push(format!("{eta} s left"));
    }
    for (count, word) in [
        (progress.counts.retrying, "retrying"),
        (progress.counts.failed, "failed"),
        (progress.counts.cancelled, "cancelled"),
        (progress.counts.rolled_back, "rolled back"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use domain::Progress;

    use super::*;

    #[test]
    fn a_plain_line_says_how_far_how_fast_and_what_failed() {
        let counts = Progress {
            total: 200,
            succeeded: 88,
            failed: 2,
            running: 8,
            queued: 102,
            ..Progress::default()
        };
        let progress = BatchProgress {
            counts,
            tenants_per_second: Some(91.4),
            eta_seconds: Some(1),
            ..BatchProgress::default()
        };

        assert_eq!(plain_line(&progress), "   45%  90/200  91 tenants/s · 1 s left · 2 failed");
    }

    #[test]
    fn a_finished_batch_has_no_time_left() {
        let counts = Progress { total: 1, succeeded: 1, ..Progress::default() };
        let progress = BatchProgress { counts, eta_seconds: Some(0), ..BatchProgress::default() };

        assert_eq!(plain_line(&progress), "  100%  1/1");
    }
}
