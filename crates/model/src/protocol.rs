//! The model as the checker takes it.

use domain::{ItemState, OperationState};
use stateright::{Model, Property};

use crate::{
    Action, Answer, Variant,
    properties::properties,
    state::{Phase, Process, Row, State},
};

/// The protocol with bounds that keep it small.
#[derive(Debug, Clone, Copy)]
pub struct Protocol {
    /// The rules.
    pub variant: Variant,
    /// Items in the operation.
    pub items: usize,
    /// Misfortunes, of any kinds together.
    pub faults: u8,
    /// Tries before an item turns back, and before an undo is given up.
    pub max_tries: u8,
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        [false, true].map(|planted| State::submitted(self.items, self.faults, planted)).to_vec()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.work(state, actions);
        self.sweep(state, actions);
        self.misfortune(state, actions);
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
    /// What the handlers may do.
    fn work(&self, state: &State, actions: &mut Vec<Action>) {
        for (w, worker) in state.workers.iter().enumerate().filter(|(_, it)| it.runs()) {
            for (n, job) in state.jobs.iter().enumerate().filter(|(_, it)| it.holder.is_none()) {
                if state.jobs[..n].contains(job) {
                    continue;
                }
                match worker.hand {
                    None if worker.late => {}
                    None => actions.push(Action::Fetch(w, n)),
                    Some(hand) if hand.item == job.item => actions.push(Action::Skip(w, n)),
                    Some(_) => {}
                }
            }
            let Some(hand) = worker.hand else { continue };
            actions.push(Action::Step(w, Answer::Done));
            // Between two stages; the code looks at the claim only, which is one of the cases.
            if hand.phase == Phase::Work && state.operation.cancelled && !hand.unrecorded {
                actions.push(Action::SeeCancel(w));
            }
        }
    }

    /// What the sweeper, the settler and the heartbeat may do.
    fn sweep(&self, state: &State, actions: &mut Vec<Action>) {
        let somebody_runs = state.workers.iter().any(|it| it.runs());
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
            let forgotten = (0..state.items.len()).filter(|i| self.is_forgotten(state, w, *i));
            actions.extend(forgotten.map(|i| Action::GiveBack(w, i)));
        }
        let stranded = (0..state.items.len()).filter(|i| self.is_stranded(state, *i));
        if somebody_runs {
            actions.extend(stranded.map(Action::Reconcile));
        }
    }

    /// What the world may do to them.
    fn misfortune(&self, state: &State, actions: &mut Vec<Action>) {
        let paused = (0..2).filter(|w| state.workers[*w].process == Process::Paused);
        actions.extend(paused.map(Action::Resume));
        if state.operation.held {
            actions.push(Action::LetGo);
        }
        // After the end there is nothing left to go wrong, only late workers to be refused.
        if state.faults_left == 0 || state.operation.state.is_final() {
            return;
        }
        let crashed = state.workers.iter().any(|it| it.process == Process::Crashed);
        for (w, worker) in state.workers.iter().enumerate() {
            if !crashed {
                actions.push(Action::Crash(w));
            }
            if !worker.runs() {
                continue;
            }
            actions.push(Action::Pause(w));
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
        self.misdeliver(state, actions);
        if matches!(state.operation.state, OperationState::Queued | OperationState::Running) {
            actions.push(Action::Cancel);
            if !state.operation.held {
                actions.push(Action::Hold);
            }
        }
    }

    /// What the queue may do wrong.
    fn misdeliver(&self, state: &State, actions: &mut Vec<Action>) {
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

    /// Whether `worker` finds that no item of the unfinished operation is open.
    fn sees_the_end(&self, state: &State, worker: usize) -> bool {
        let it = &state.workers[worker];
        let looks = self.variant != Variant::NoSweepSettle || it.marked;
        let early = |item: usize| {
            self.variant == Variant::SettleBeforeCommit
                && it.hand.is_some_and(|hand| hand.item == item && hand.is_about_to_end())
        };
        looks
            && it.outcome.is_none()
            && !state.operation.state.is_final()
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

    /// Whether `item` waits for a worker and no live job will bring one.
    fn is_stranded(&self, state: &State, item: usize) -> bool {
        let row = &state.items[item];
        self.variant != Variant::NoReconcile
            && row.owner.is_none()
            && !row.state.is_final()
            && !state.operation.held
            && !state.jobs.iter().any(|job| job.item == item && job.named)
    }
}
