//! The model as the checker takes it.

use domain::{ItemState, OperationState};
use stateright::{Model, Property};

use crate::{
    Action, Answer, Kind, Variant,
    properties::properties,
    state::State,
    worker::{Phase, Process, Row},
};

/// The protocol with bounds that keep it small.
#[derive(Debug, Clone, Copy)]
pub struct Protocol {
    pub variant: Variant,
    /// The items, in order of arrival.
    pub asked: &'static [Asked],
    /// Whether the tenants' schemas are in another database than the registry.
    pub remote: bool,
    /// Misfortunes, of any kinds together.
    pub faults: u8,
    /// Tries before an item turns back, and before an undo is given up.
    pub max_tries: u8,
}

/// What is asked for: an item.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    pub kind: Kind,
    pub tenant: usize,
    /// A second tenant, which the item holds too.
    pub source: Option<usize>,
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut states = vec![State::submitted(self, false)];
        if self.settles() && self.asked[0].kind == Kind::Provision {
            states.push(State::submitted(self, true));
        }
        states
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.work(state, actions);
        self.sweep(state, actions);
        self.come_from_outside(state, actions);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut next = last.clone();
        self.act(&mut next, action);
        // Two wake-ups for the same are as good as one, so that there are never many.
        next.jobs.sort_unstable();
        next.jobs.dedup();
        (next != *last).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties()
    }
}

impl Protocol {
    /// Whether the items are those of one operation, each with a tenant of its own. Items that
    /// share tenants are operations of one item each; the end of those is left out.
    #[must_use]
    pub fn settles(&self) -> bool {
        self.asked.iter().enumerate().all(|(n, it)| it.tenant == n && it.source.is_none())
    }

    /// What the handlers may do.
    fn work(&self, state: &State, actions: &mut Vec<Action>) {
        for (w, worker) in state.workers.iter().enumerate().filter(|(_, it)| it.runs()) {
            let Some(hand) = worker.hand else {
                let free = |n: &usize| state.jobs[*n].holder.is_none() && !worker.late;
                let jobs = (0..state.jobs.len()).filter(free);
                actions.extend(jobs.map(|n| Action::Fetch(w, n)));
                continue;
            };
            actions.push(Action::Step(w, Answer::Done));
            // Between two stages; the code looks at the claim only, which is one of the cases.
            let kind = state.items[hand.item].kind;
            let may_stop = !hand.unrecorded && !kind.is_past_pivot(&hand.known);
            let cancelled = state.operation_of(hand.item).cancelled;
            if hand.phase == Phase::Work && cancelled && may_stop {
                actions.push(Action::SeeCancel(w));
            }
        }
    }

    /// What the sweeper, the settler and the heartbeat may do.
    fn sweep(&self, state: &State, actions: &mut Vec<Action>) {
        let somebody_runs = state.may_go_on();
        for (w, worker) in state.workers.iter().enumerate() {
            if worker.row == Row::Silent && somebody_runs {
                actions.push(Action::Bury(w));
            }
            if !worker.runs() {
                if state.jobs.iter().any(|job| job.holder == Some(w)) && somebody_runs {
                    actions.push(Action::TimeOutJobs(w));
                }
                continue;
            }
            match worker.row {
                Row::Silent => actions.push(Action::Beat(w)),
                Row::Stopped if worker.hand.is_none() => actions.push(Action::StartOver(w)),
                Row::Stopped | Row::Alive => {}
            }
            if self.sees_the_end(state, w) {
                actions.push(Action::SeeEnd(w));
            }
            if worker.outcome.is_some() {
                actions.push(Action::WriteEnd(w));
            }
            if worker.freed.contains(&true) {
                actions.push(Action::Release(w));
            }
            let forgotten = (0..state.items.len()).filter(|i| self.is_forgotten(state, w, *i));
            actions.extend(forgotten.map(|i| Action::GiveBack(w, i)));
        }
        let stranded = (0..state.items.len()).filter(|i| self.is_stranded(state, *i));
        if somebody_runs {
            actions.extend(stranded.map(Action::Reconcile));
        }
    }

    fn come_from_outside(&self, state: &State, actions: &mut Vec<Action>) {
        let halted = (0..2).filter(|w| state.workers[*w].process == Process::Halted);
        actions.extend(halted.map(Action::Continue));
        let paused = (0..state.operations.len()).filter(|n| state.operations[*n].paused);
        actions.extend(paused.map(Action::Resume));
        for (i, item) in state.items.iter().enumerate() {
            let retried = matches!(item.state, ItemState::Failed | ItemState::Cancelled);
            if item.state == ItemState::Stuck {
                actions.extend([Action::TryAgain(i), Action::Abandon(i)]);
            } else if retried && !self.settles() && state.faults_left > 0 {
                actions.push(Action::Retry(i));
            }
        }
        // After the end there is nothing left to go wrong, only late workers to be refused.
        let is_over = match self.settles() {
            true => state.operations[0].state.is_final(),
            false => state.items.iter().all(|it| it.state.is_final()),
        };
        if state.faults_left > 0 && !is_over {
            self.break_workers(state, actions);
            misdeliver(state, actions);
            self.steer(state, actions);
        }
    }

    fn break_workers(&self, state: &State, actions: &mut Vec<Action>) {
        let crashed = state.workers.iter().any(|it| it.process == Process::Crashed);
        for (w, worker) in state.workers.iter().enumerate() {
            if !crashed {
                actions.push(Action::Crash(w));
            }
            if !worker.runs() {
                continue;
            }
            actions.push(Action::Halt(w));
            if worker.freed.contains(&true) {
                actions.push(Action::LoseRelease(w));
            }
            if let Some(hand) = worker.hand {
                actions.push(Action::Step(w, Answer::Lost));
                actions.push(Action::Step(w, Answer::Failed));
                if hand.phase == Phase::Work {
                    actions.push(Action::Refuse(w));
                }
                if self.variant == Variant::ClaimNotDurable && state.may_lose_claim(w, &hand) {
                    actions.push(Action::LoseClaim(w));
                }
            }
        }
    }

    /// What an operator may do to an operation that goes on.
    fn steer(&self, state: &State, actions: &mut Vec<Action>) {
        for (n, operation) in state.operations.iter().enumerate() {
            let is_open = self.settles() || state.progress(n).open() > 0;
            if is_open
                && matches!(operation.state, OperationState::Queued | OperationState::Running)
            {
                actions.push(Action::Cancel(n));
                if !operation.paused {
                    actions.push(Action::Pause(n));
                }
            }
        }
    }

    /// Whether `worker` finds that no item of the unfinished operation is open.
    fn sees_the_end(&self, state: &State, worker: usize) -> bool {
        let it = &state.workers[worker];
        let looks = self.variant != Variant::NoSweepSettle || it.marked;
        let early = |item: usize| {
            let about = |hand: &_| self.is_about_to_end(state, hand);
            self.variant == Variant::SettleBeforeCommit
                && it.hand.is_some_and(|hand| hand.item == item && about(&hand))
        };
        self.settles()
            && looks
            && it.outcome.is_none()
            && !state.operations[0].state.is_final()
            && (0..state.items.len()).all(|i| state.items[i].state.is_final() || early(i))
    }

    /// Whether `worker` finds that nobody works on `item`, though somebody owns it: `worker`
    /// itself, or one that is known to be dead.
    fn is_forgotten(&self, state: &State, worker: usize, item: usize) -> bool {
        let (it, row) = (&state.workers[worker], &state.items[item]);
        let own_only = matches!(self.variant, Variant::GiveBackOwnOnly | Variant::NoTakeOver);
        self.variant != Variant::NoGiveBack
            && matches!(row.state, ItemState::Running | ItemState::Unwinding)
            && !it.works_on(item)
            && row.owner.is_some_and(|owner| {
                let is_own = owner.worker == worker && owner.life == it.life;
                is_own || (!own_only && state.has_stopped(owner))
            })
    }

    /// Whether `item` waits for a worker, no other item holds its tenants, and no live job will
    /// bring a worker.
    fn is_stranded(&self, state: &State, item: usize) -> bool {
        let row = &state.items[item];
        let is_held = row.state == ItemState::Waiting
            && (self.variant == Variant::SweepForgetsWaiting || state.is_held_by_another(item));
        self.variant != Variant::NoReconcile
            && row.owner.is_none()
            && !row.state.is_final()
            && !is_held
            && !state.operation_of(item).paused
            && !state.jobs.iter().any(|job| job.item == item && job.named)
    }
}

/// What the queue may do wrong.
fn misdeliver(state: &State, actions: &mut Vec<Action>) {
    for (n, job) in state.jobs.iter().enumerate() {
        if state.jobs[..n].contains(job) {
            continue;
        }
        actions.push(Action::LoseJob(n));
        if job.holder.is_some_and(|w| state.workers[w].runs()) {
            actions.push(Action::DoubleJob(n));
        }
    }
}
