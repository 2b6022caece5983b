//! What can happen, one atomic thing at a time.

use domain::{ItemState, Mode, OperationState};

use crate::{
    Protocol, Variant,
    state::{Hand, Operation, Phase, Process, Reason, Row, State},
};

/// Something that happens. Workers, items and jobs are meant by their place in the [`State`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A worker fetches a job.
    Fetch(usize, usize),
    /// A worker fetches a job for what it works on already, and acknowledges it at once.
    Skip(usize, usize),
    /// A worker's handler runs its next transaction.
    Step(usize, Answer),
    /// A worker's handler sees between two stages that the operation is cancelled.
    SeeCancel(usize),
    /// A worker is declared dead, and the jobs it holds are freed.
    Bury(usize),
    /// The queue itself frees the jobs of a worker it has not heard from.
    TimeOutJobs(usize),
    /// A worker says that it lives.
    Beat(usize),
    /// A worker finds that it was declared dead, and goes on under a fresh id.
    StartOver(usize),
    /// A worker sees that the operation is over.
    SeeEnd(usize),
    /// A worker writes the end it saw.
    WriteEnd(usize),
    /// A worker gives back an item it owns and does not work on.
    GiveBack(usize, usize),
    /// An item without a live job gets a new one.
    Reconcile(usize),
    /// A paused worker runs again.
    Resume(usize),
    /// An operator resumes a paused operation; its items that wait get new jobs.
    LetGo,
    /// Misfortune: a worker is gone.
    Crash(usize),
    /// Misfortune: a worker is stopped until its lease is over.
    Pause(usize),
    /// Misfortune: the stage a worker is at can never work.
    Refuse(usize),
    /// Misfortune: the server crashes before a worker's claim has reached the disk, and the queue
    /// delivers the job again. Not in the protocol: a commit that was answered stays.
    LoseClaim(usize),
    /// Misfortune: a job vanishes.
    LoseJob(usize),
    /// Misfortune: a job is delivered again while a live worker holds it.
    DoubleJob(usize),
    /// Misfortune: an operator cancels the operation.
    Cancel,
    /// Misfortune: an operator pauses the operation.
    Hold,
}

/// What becomes of a transaction, and what the worker hears of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// It is committed (or fenced out), and the worker knows.
    Done,
    /// Misfortune: it is committed, and the connection lost before the answer.
    Lost,
    /// Misfortune: it is rolled back by a passing error.
    Failed,
}

impl Action {
    /// Whether the protocol itself does it, sooner or later. The others come from outside, and
    /// may never come: the resumption of a paused worker or operation too.
    #[must_use]
    pub const fn is_own(&self) -> bool {
        use Action::{
            Cancel, Crash, DoubleJob, Hold, LetGo, LoseClaim, LoseJob, Pause, Refuse, Resume, Step,
        };
        !matches!(
            self,
            Step(_, Answer::Lost | Answer::Failed)
                | Resume(_)
                | Crash(_)
                | Pause(_)
                | Refuse(_)
                | LoseClaim(_)
                | LoseJob(_)
                | DoubleJob(_)
                | Cancel
                | Hold
                | LetGo
        )
    }

    /// Whether it uses up a misfortune.
    const fn is_fault(&self) -> bool {
        !self.is_own() && !matches!(self, Self::Resume(_) | Self::LetGo)
    }
}

impl Protocol {
    /// Has `action` happen.
    pub(crate) fn act(&self, state: &mut State, action: Action) {
        if action.is_fault() {
            state.faults_left -= 1;
        }
        match action {
            Action::Fetch(w, n) => fetch(state, w, n),
            Action::Skip(_, n) | Action::LoseJob(n) => drop(state.jobs.remove(n)),
            Action::LoseClaim(w) => lose_claim(state, w),
            Action::DoubleJob(n) => state.jobs[n].holder = None,
            Action::Step(w, answer) => self.step(state, w, answer),
            Action::SeeCancel(w) => self.stop_working(state, w, Reason::Cancelled),
            Action::Refuse(w) => self.stop_working(state, w, Reason::Failed),
            Action::Bury(w) => {
                state.workers[w].row = Row::Stopped;
                state.free_jobs_of(w);
            }
            Action::TimeOutJobs(w) => state.free_jobs_of(w),
            Action::Beat(w) => state.workers[w].row = Row::Alive,
            Action::StartOver(w) => {
                state.workers[w].row = Row::Alive;
                state.workers[w].life += 1;
                state.workers[w].late = false;
            }
            Action::SeeEnd(w) => see_end(state, w),
            Action::WriteEnd(w) => self.write_end(state, w),
            Action::GiveBack(_, item) => give_back(state, item),
            Action::Reconcile(item) => state.mint_job(item),
            Action::Resume(w) => state.workers[w].process = Process::Running,
            Action::Pause(w) => fall_silent(state, w, Process::Paused),
            Action::Crash(w) => {
                fall_silent(state, w, Process::Crashed);
                state.workers[w].forget();
            }
            Action::Cancel => self.cancel(state),
            Action::Hold => state.operation.held = true,
            Action::LetGo => state.let_go(),
        }
    }

    fn write_end(&self, state: &mut State, worker: usize) {
        let Some(outcome) = state.workers[worker].outcome.take() else { return };
        if !state.operation.state.is_final() || self.variant == Variant::NoSettleGuard {
            state.operation.state = outcome;
            state.operation.events += 1;
        }
    }

    /// One transaction: asks for the end of the operation, and ends what has not begun.
    fn cancel(&self, state: &mut State) {
        state.operation.state = OperationState::Cancelling;
        state.operation.cancelled = true;
        for i in 0..state.items.len() {
            let item = &state.items[i];
            let waits = matches!(item.state, ItemState::Queued | ItemState::Retrying);
            let begun = item.checkpoints.contains(&true);
            if waits && (!begun || self.variant == Variant::CancelEndsBegun) {
                state.move_item(i, ItemState::Cancelled);
                state.items[i].release();
            }
        }
        if state.operation.held {
            state.let_go();
        }
    }
}

fn fetch(state: &mut State, worker: usize, job: usize) {
    state.jobs[job].holder = Some(worker);
    let hand = Hand::without_claim(state.jobs[job].item, Phase::Claim);
    state.workers[worker].hand = Some(hand);
    state.workers[worker].late = state.workers[worker].row == Row::Stopped;
}

fn lose_claim(state: &mut State, worker: usize) {
    let Some(hand) = state.workers[worker].hand else { return };
    let row = &mut state.items[hand.item];
    row.attempt -= 1;
    row.tries -= 1;
    row.owner = None;
    row.state = if row.attempt == 0 { ItemState::Queued } else { ItemState::Retrying };
    state.free_jobs_of(worker);
}

/// Its heartbeat ends. What it did not do between its last act and the end of its lease is the
/// same whether it was slow, stopped or gone, so the lease is over at once.
fn fall_silent(state: &mut State, worker: usize, process: Process) {
    let worker = &mut state.workers[worker];
    worker.process = process;
    if worker.row == Row::Alive {
        worker.row = Row::Silent;
    }
}

fn see_end(state: &mut State, worker: usize) {
    let outcome = state.progress().outcome(Mode::Independent, state.operation.cancelled);
    state.workers[worker].outcome = Some(outcome);
    state.workers[worker].marked = false;
}

fn give_back(state: &mut State, item: usize) {
    if state.items[item].state == ItemState::Running {
        state.move_item(item, ItemState::Retrying);
    }
    state.items[item].owner = None;
    state.mint_job(item);
}

impl Operation {
    /// The claim of an item sets its operation going.
    pub(crate) fn begin(&mut self) {
        if self.state == OperationState::Queued {
            self.state = OperationState::Running;
        }
    }
}
