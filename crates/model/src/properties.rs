//! What must always hold, and what must happen at all for that to mean something.

use domain::{ItemState, Mode, TenantState};
use stateright::{Model, Property};

use crate::{
    Action, Kind, Protocol, Schema, Stage,
    state::{Item, State},
    worker::{Hand, Phase},
};

pub const NO_STALE_COMMIT: &str = "nothing is committed under a stale claim";
pub const ACTIVATED_ONCE: &str = "a tenant is activated at most once";
/// And the other way round.
pub const VISIBLE_IFF_SUCCEEDED: &str = "a tenant is visible, and whole, if its item succeeded";
pub const NO_REMAINS: &str = "a tenant that was not made, or was taken away, leaves no remains";
pub const STRANGERS_SAFE: &str = "a stranger's schema is left alone";
pub const NOT_STOLEN: &str = "no item is taken from a live worker";
pub const FINISHED_ONCE: &str = "an operation is finished at most once in a run";
pub const FINISHED_IS_OVER: &str = "a finished operation has no open item, and says how they ended";
/// But for an operator.
pub const ENDS_STAY: &str = "an ended item stays as it is";
pub const MOVES_ARE_LEGAL: &str = "items move as ItemState allows";
pub const ONCE_IN_ORDER: &str = "stages take effect once, in order, and are undone newest first";
pub const RECORDED_AS_IS: &str = "a resting item's checkpoints and ledger say what took effect";
pub const ONE_AT_A_TIME: &str = "one item at a time works on a tenant";
pub const IN_ORDER_OF_ARRIVAL: &str = "no item that wants a tenant is overtaken";
pub const NEVER_UNDONE: &str = "nothing is undone after a pivot, or of a kind that stays";
pub const ALL_ENDS: &str = "when a live worker has nothing left to do, everything rests";

/// Everything that may be asked of the protocol.
pub(crate) fn properties() -> Vec<Property<Protocol>> {
    let all = [always(), never_happened(), sometimes_to_items(), sometimes_to_workers()];
    all.into_iter().flatten().collect()
}

fn always() -> Vec<Property<Protocol>> {
    vec![
        Property::always(ACTIVATED_ONCE, |_, s: &State| {
            s.tenants.iter().all(|it| it.activations <= 1)
        }),
        Property::always(VISIBLE_IFF_SUCCEEDED, |_, s: &State| {
            (0..s.tenants.len()).all(|n| s.shows_the_truth(n))
        }),
        Property::always(NO_REMAINS, |_, s: &State| s.items.iter().all(|it| s.is_clean(it))),
        Property::always(STRANGERS_SAFE, |_, s: &State| {
            s.tenants.iter().all(|it| !it.planted || it.schema == Schema::Strangers)
        }),
        Property::always(FINISHED_ONCE, |_, s: &State| {
            s.operations.iter().all(|it| it.events <= 1)
        }),
        Property::always(FINISHED_IS_OVER, |_, s: &State| s.finished_is_over()),
        Property::always(RECORDED_AS_IS, |_, s: &State| s.items.iter().all(Item::is_recorded)),
        Property::always(ONE_AT_A_TIME, |_, s: &State| {
            !s.wrong.between
                && !(0..s.items.len()).any(|item| {
                    s.items[item].state.holds_its_tenant() && s.is_held_by_another(item)
                })
        }),
        Property::always(ALL_ENDS, |model: &Protocol, s: &State| {
            s.has_ended() || !model.is_stuck(s)
        }),
    ]
}

fn never_happened() -> Vec<Property<Protocol>> {
    vec![
        Property::always(NO_STALE_COMMIT, |_, s: &State| !s.wrong.stale_commit),
        Property::always(NOT_STOLEN, |_, s: &State| !s.wrong.stolen),
        Property::always(ENDS_STAY, |_, s: &State| !s.wrong.end_changed),
        Property::always(MOVES_ARE_LEGAL, |_, s: &State| !s.wrong.illegal_move),
        Property::always(ONCE_IN_ORDER, |_, s: &State| !s.wrong.disordered),
        Property::always(IN_ORDER_OF_ARRIVAL, |_, s: &State| !s.wrong.overtaken),
        Property::always(NEVER_UNDONE, |_, s: &State| !s.wrong.undone),
    ]
}

/// The way to these must be found: a protocol that does nothing breaks no rule.
fn sometimes_to_items() -> Vec<Property<Protocol>> {
    vec![
        Property::sometimes("every item succeeds", |_, s: &State| {
            s.has_ended() && s.items.iter().all(|it| it.state == ItemState::Succeeded)
        }),
        Property::sometimes("a stage took effect and has no checkpoint", |_, s: &State| {
            s.items.iter().any(|it| it.effects != it.checkpoints)
        }),
        Property::sometimes("a committed stage has to be undone", |_, s: &State| {
            s.items
                .iter()
                .any(|it| it.state == ItemState::Unwinding && !it.kind.stays() && it.checkpoints[0])
        }),
        Property::sometimes("a failed item keeps a committed stage", |_, s: &State| {
            s.items.iter().any(|it| it.state == ItemState::Failed && it.checkpoints[0])
        }),
        Property::sometimes("an item is stuck", |_, s: &State| {
            s.items.iter().any(|it| it.state == ItemState::Stuck)
        }),
        Property::sometimes("an item waits behind one that rests", |_, s: &State| {
            s.has_ended() && s.items.iter().any(|it| it.state == ItemState::Waiting)
        }),
        Property::sometimes("a cancelled item was begun", |_, s: &State| {
            s.items.iter().any(|it| it.state == ItemState::Cancelled && it.attempt > 0)
        }),
        Property::sometimes("an undo is given up", |_, s: &State| {
            s.items.iter().any(|it| it.state == ItemState::UndoFailed)
        }),
    ]
}

/// The same, of the workers.
fn sometimes_to_workers() -> Vec<Property<Protocol>> {
    vec![
        Property::sometimes(
            "a late worker is about to commit under an old claim",
            |_, s: &State| {
                s.hands_that_run()
                    .any(|it| it.phase == Phase::Work && it.token < s.items[it.item].attempt)
            },
        ),
        Property::sometimes(
            "a late worker may still commit in the tenant database",
            |_, s: &State| {
                s.hands_that_run().any(|it| {
                    let item = &s.items[it.item];
                    it.phase == Phase::Work && it.token < item.attempt && it.token == item.fence
                })
            },
        ),
        Property::sometimes("two workers see the operation's end at once", |_, s: &State| {
            s.workers.iter().all(|it| it.outcome.is_some())
        }),
        Property::sometimes("a worker goes on under a fresh id", |_, s: &State| {
            s.workers.iter().any(|it| it.life > 0)
        }),
    ]
}

impl Item {
    /// Not at rest, or what is recorded is what is there; and all of it, if it succeeded. An undo
    /// that was given up is recorded by who takes it up again.
    fn is_recorded(&self) -> bool {
        match self.state {
            ItemState::Succeeded => {
                self.effects == self.checkpoints && self.kind.is_done(&self.effects)
            }
            ItemState::Failed | ItemState::Cancelled | ItemState::Stuck => {
                self.effects == self.checkpoints
            }
            _ => true,
        }
    }

    /// Whether the stage took effect.
    fn has_done(&self, stage: Stage) -> bool {
        self.kind.plan().iter().zip(self.effects).any(|(it, is_done)| *it == stage && is_done)
    }
}

impl State {
    /// A tenant is visible exactly if it was made and is not being taken away, and then it has a
    /// schema of its own.
    fn shows_the_truth(&self, tenant: usize) -> bool {
        let of = || self.items.iter().filter(move |it| it.tenant == tenant);
        let making = of().find(|it| it.kind == Kind::Provision);
        let is_made = making.is_none_or(|item| item.state == ItemState::Succeeded);
        let tenant = &self.tenants[tenant];
        let visible = tenant.state == TenantState::Active;
        visible == (is_made && !of().any(|it| it.has_done(Stage::Close)))
            && (!visible || tenant.schema == Schema::Ours)
    }

    /// No schema, no name, no checkpoint of a tenant that was not made or was taken away.
    fn is_clean(&self, item: &Item) -> bool {
        let tenant = &self.tenants[item.tenant];
        let is_gone = tenant.schema != Schema::Ours;
        match (item.kind, item.state) {
            (Kind::Provision, ItemState::Failed | ItemState::Cancelled) => {
                is_gone && tenant.state == TenantState::Released && item.checkpoints == [false; 3]
            }
            (Kind::Delete, ItemState::Succeeded) => is_gone && tenant.state == TenantState::Deleted,
            _ => true,
        }
    }

    fn finished_is_over(&self) -> bool {
        self.operations.iter().enumerate().all(|(n, operation)| {
            let progress = self.progress(n);
            !operation.state.is_final()
                || (progress.open() == 0
                    && operation.state == progress.outcome(Mode::Independent, operation.cancelled))
        })
    }

    fn hands_that_run(&self) -> impl Iterator<Item = Hand> {
        self.workers.iter().filter(|it| it.runs()).filter_map(|it| it.hand)
    }

    /// Whether the protocol has anybody to run it.
    #[must_use]
    pub fn may_go_on(&self) -> bool {
        self.workers.iter().any(crate::Worker::runs)
    }

    /// Whether every item rests, the operation has ended if its items have, and no job is left.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        let is_settled = self.operations.len() > 1
            || self.operations[0].state.is_final()
            || self.progress(0).open() > 0;
        is_settled && self.jobs.is_empty() && self.all_rest()
    }

    /// An item rests that has ended, is not worked on in a paused operation, or waits behind one
    /// that rests.
    fn all_rest(&self) -> bool {
        let is_paused = |n| self.operation_of(n).paused && self.items[n].owner.is_none();
        let mut rests: Vec<_> =
            (0..self.items.len()).map(|n| self.items[n].state.is_final() || is_paused(n)).collect();
        for _ in 0..rests.len() {
            for n in 0..rests.len() {
                let is_behind = |other: usize| {
                    let is_held =
                        self.items[other].state.holds_its_tenant() && self.share_a_tenant(n, other);
                    other != n && (is_held || self.waits_before(other, n))
                };
                let waits = self.items[n].state == ItemState::Waiting;
                rests[n] |= waits && (0..rests.len()).any(|it| rests[it] && is_behind(it));
            }
        }
        rests.into_iter().all(|it| it)
    }
}

impl Protocol {
    /// Whether a worker runs, and still nothing will happen by itself.
    #[must_use]
    pub fn is_stuck(&self, state: &State) -> bool {
        let mut actions = Vec::new();
        self.actions(state, &mut actions);
        let own = |action: &_| Action::is_own(action);
        state.may_go_on()
            && !actions.iter().any(|it| own(it) && self.next_state(state, *it).is_some())
    }
}
