//! The faults themselves. Each is counted when it was really done.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::{
    bed::{Bed, DEAD_AFTER_MS},
    dice::Dice,
    support::Process,
    tally::Fault,
};

/// Sessions of the programs, in an order that depends on `$1`; `$2` of them are ended.
const END_SOME: &str = "
select count(pg_terminate_backend(pid)) from (
    select pid from pg_stat_activity
    where datname = current_database() and application_name like 'tenantry-%'
    order by md5(pid::text || $1) limit $2
) as victims";

/// Items that the process with this id has begun and not ended.
pub(crate) const HELD: &str = "select count(*) from tenantry.operation_items i
    join tenantry.workers w on w.id = i.worker_id
    where w.pid = $1 and i.state in ('running', 'unwinding')";

/// Looks at a worker until it has items in work.
const LOOKS: usize = 40;

/// Connections that were stalled and are to be cut later.
#[derive(Debug, Default)]
pub(crate) struct HalfOpen(Vec<(Instant, bool, Vec<u64>)>);

impl Bed {
    /// SIGKILL of one worker; another is started in its place.
    pub(crate) async fn kill_worker(&mut self, dice: &mut Dice) {
        self.supervise().await;
        let victim = dice.count(0, self.workers.len() - 1);
        self.workers[victim].kill().await;
        self.tally.count(Fault::WorkerKilled, 1);
        self.fault_is_over();
        self.workers[victim] = self.start_worker(&[]).await;
    }

    /// SIGKILL of one replica of the API; another is started in its place.
    pub(crate) async fn kill_api(&mut self, dice: &mut Dice) {
        self.supervise().await;
        let victim = dice.count(0, self.apis.len() - 1);
        self.apis[victim].kill().await;
        self.tally.count(Fault::ApiKilled, 1);
        self.fault_is_over();
        self.apis[victim] = self.start_api(victim, &[]).await;
    }

    /// SIGKILL of all processes at once; all are started again.
    pub(crate) async fn kill_all(&mut self) {
        self.supervise().await;
        for process in self.workers.iter().chain(&self.apis) {
            process.signal(Signal::SIGKILL);
        }
        self.tally.count(Fault::WorkerKilled, self.workers.len() as u64);
        self.tally.count(Fault::ApiKilled, self.apis.len() as u64);
        self.fault_is_over();
        for n in 0..self.apis.len() {
            self.apis[n].end(Duration::from_secs(10)).await;
            self.apis[n] = self.start_api(n, &[]).await;
        }
        for n in 0..self.workers.len() {
            self.workers[n].end(Duration::from_secs(10)).await;
            self.workers[n] = self.start_worker(&[]).await;
        }
    }

    /// PostgreSQL's immediate shutdown; it is away for a while, and recovers.
    pub(crate) async fn stop_database(&mut self, dice: &mut Dice) {
        self.postgres.stop_at_once().await;
        self.tally.count(Fault::DatabaseStopped, 1);
        dice.pause(0, 900).await;
        self.postgres.start_again().await;
        self.fault_is_over();
    }

    /// Ends some sessions of the programs, wherever they are.
    pub(crate) async fn end_sessions(&mut self, dice: &mut Dice) {
        let (salt, most) = (dice.between(0, 1 << 40).to_string(), dice.between(1, 6));
        let ended: i64 = sqlx::query_scalar(END_SOME)
            .bind(salt)
            .bind(most.cast_signed())
            .fetch_one(&self.pool)
            .await
            .expect("the server answers");
        self.tally.count(Fault::BackendEnded, ended.unsigned_abs());
        self.fault_is_over();
    }

    /// Cuts some connections of workers or of the API.
    pub(crate) fn cut_links(&mut self, dice: &mut Dice) {
        let (proxy, links) = self.some_links(dice, 4);
        let proxy = if proxy { &self.work_proxy } else { &self.api_proxy };
        let cut = proxy.cut(&links);
        self.tally.count(Fault::LinkCut, cut);
        self.fault_is_over();
    }

    /// Lets some connections go dead on both sides, for `half_open` to cut when it is time.
    pub(crate) fn stall_links(&mut self, dice: &mut Dice, half_open: &mut HalfOpen) {
        let (workers, links) = self.some_links(dice, 3);
        let proxy = if workers { &self.work_proxy } else { &self.api_proxy };
        let stalled = proxy.stall(&links);
        self.tally.count(Fault::LinkHalfOpen, stalled);
        let until = Instant::now() + dice.millis(300, 2 * DEAD_AFTER_MS);
        half_open.0.push((until, workers, links));
    }

    /// Loses the answers to the next few COMMITs, which have happened. Counted by
    /// [`Bed::count_lost_commits`].
    pub(crate) fn lose_commits(&mut self, dice: &mut Dice) {
        let proxy = if dice.chance(75) { &self.work_proxy } else { &self.api_proxy };
        proxy.lose_commits(dice.between(1, 4));
        self.fault_is_over();
    }

    /// Ends the losing of answers.
    pub(crate) fn count_lost_commits(&mut self) {
        let lost = self.work_proxy.commits_lost() + self.api_proxy.commits_lost();
        self.tally.count(Fault::CommitUnanswered, lost);
        self.fault_is_over();
    }

    /// Cuts the half-open connections whose time has come, or all.
    pub(crate) fn cut_half_open(&mut self, half_open: &mut HalfOpen, all: bool) {
        let now = Instant::now();
        half_open.0.retain(|(until, workers, links)| {
            let stays = !all && *until > now;
            if !stays {
                let proxy = if *workers { &self.work_proxy } else { &self.api_proxy };
                proxy.cut(links);
            }
            stays
        });
        self.fault_is_over();
    }

    /// Halts a worker, with items in work if it has any within a second, for longer than it takes
    /// to be declared dead, and lets it go on.
    pub(crate) async fn halt_worker(&mut self, dice: &mut Dice) {
        self.supervise().await;
        let worker = &self.workers[dice.count(0, self.workers.len() - 1)];
        for _ in 0..LOOKS {
            // Halted, what it holds cannot change between the look and the wait.
            worker.signal(Signal::SIGSTOP);
            let held: sqlx::Result<i64> =
                sqlx::query_scalar(HELD).bind(worker.pid()).fetch_one(&self.pool).await;
            if held.is_ok_and(|held| held > 0) {
                break;
            }
            worker.signal(Signal::SIGCONT);
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        worker.signal(Signal::SIGSTOP);
        dice.pause(DEAD_AFTER_MS + 500, 2 * DEAD_AFTER_MS).await;
        worker.signal(Signal::SIGCONT);
        self.tally.count(Fault::WorkerHalted, 1);
        self.fault_is_over();
    }

    /// Some connections: whether they are the workers', and which.
    fn some_links(&self, dice: &mut Dice, most: usize) -> (bool, Vec<u64>) {
        let workers = dice.chance(70);
        let proxy = if workers { &self.work_proxy } else { &self.api_proxy };
        let mut links = proxy.links();
        dice.shuffle(&mut links);
        links.truncate(dice.count(1, most));
        (workers, links)
    }

    /// Starts anew what ended although nobody ended it, as any supervisor does, and remembers it:
    /// no fault from outside is a reason for a process to give up.
    pub(crate) async fn supervise(&mut self) {
        for n in 0..self.workers.len() {
            if let Some(words) = last_words(&mut self.workers[n]) {
                self.tally.gave_up.push(words);
                self.workers[n] = self.start_worker(&[]).await;
            }
        }
        for n in 0..self.apis.len() {
            if let Some(words) = last_words(&mut self.apis[n]) {
                self.tally.gave_up.push(words);
                self.apis[n] = self.start_api(n, &[]).await;
            }
        }
    }
}

/// How a process ended, and the end of what it wrote; `None` if it runs.
fn last_words(process: &mut Process) -> Option<String> {
    let status = process.has_ended()?;
    let log = process.log();
    let end: Vec<_> = log.lines().rev().take(2).collect();
    Some(format!("a process gave up, {status}: {}", end.join(" / ")))
}
