//! What must always hold, and what must happen at all for that to mean something.

use domain::{ItemState, Mode, TenantState};
use stateright::{Model, Property};

use crate::{
    Protocol,
    state::{Item, Phase, Schema, Stage, State},
};

/// Nothing was committed under a claim that had been superseded.
pub const NO_STALE_COMMIT: &str = "nothing is committed under a stale claim";
/// A tenant becomes visible once.
pub const ACTIVATED_ONCE: &str = "a tenant is activated at most once";
/// What is visible is whole, and its item has succeeded; and the other way round.
pub const VISIBLE_IFF_SUCCEEDED: &str = "a tenant is visible, and whole, if its item succeeded";
/// A failed or cancelled item leaves nothing of its own.
pub const NO_REMAINS: &str = "a failed or cancelled item leaves no remains";
/// A schema that was there before is there ever after.
pub const STRANGERS_SAFE: &str = "a stranger's schema is left alone";
/// A live worker keeps what it claimed.
pub const NOT_STOLEN: &str = "no item is taken from a live worker";
/// One end, one announcement.
pub const FINISHED_ONCE: &str = "an operation is finished at most once";
/// A finished operation has no open item, and its end is what its items say.
pub const FINISHED_IS_OVER: &str = "a finished operation has no open item, and says how they ended";
/// An end is an end.
pub const ENDS_STAY: &str = "an ended item stays as it is";
/// Items move as `domain` allows.
pub const MOVES_ARE_LEGAL: &str = "items move as domain::ItemState allows";
/// While a worker lives, nothing is left undone for ever.
pub const ALL_ENDS: &str = "when a live worker has nothing left to do, everything has ended";

/// Everything that may be asked of the protocol.
pub(crate) fn properties() -> Vec<Property<Protocol>> {
    let mut all = always();
    all.extend(sometimes());
    all
}

fn always() -> Vec<Property<Protocol>> {
    vec![
        Property::always(NO_STALE_COMMIT, |_, s: &State| !s.wrong.stale_commit),
        Property::always(ACTIVATED_ONCE, |_, s: &State| {
            s.items.iter().all(|it| it.activations <= 1)
        }),
        Property::always(VISIBLE_IFF_SUCCEEDED, |_, s: &State| s.items.iter().all(Item::is_honest)),
        Property::always(NO_REMAINS, |_, s: &State| s.items.iter().all(Item::is_clean)),
        Property::always(STRANGERS_SAFE, |_, s: &State| {
            s.items.iter().all(|it| !it.planted || it.schema == Schema::Strangers)
        }),
        Property::always(NOT_STOLEN, |_, s: &State| !s.wrong.stolen),
        Property::always(FINISHED_ONCE, |_, s: &State| s.operation.events <= 1),
        Property::always(FINISHED_IS_OVER, |_, s: &State| {
            let (operation, progress) = (&s.operation, s.progress());
            !operation.state.is_final()
                || (progress.open() == 0
                    && operation.state == progress.outcome(Mode::Independent, operation.cancelled))
        }),
        Property::always(ENDS_STAY, |_, s: &State| !s.wrong.end_changed),
        Property::always(MOVES_ARE_LEGAL, |_, s: &State| !s.wrong.illegal_move),
        Property::always(ALL_ENDS, |model: &Protocol, s: &State| {
            s.has_ended() || !model.is_stuck(s)
        }),
    ]
}

/// The way to these must be found: a protocol that does nothing breaks no rule.
fn sometimes() -> Vec<Property<Protocol>> {
    vec![
        Property::sometimes("every tenant is made", |_, s: &State| {
            s.has_ended() && s.items.iter().all(|it| it.state == ItemState::Succeeded)
        }),
        Property::sometimes(
            "a late worker is about to commit under an old claim",
            |_, s: &State| {
                s.workers.iter().filter(|it| it.runs()).filter_map(|it| it.hand).any(|hand| {
                    hand.phase == Phase::Work && hand.token < s.items[hand.item].attempt
                })
            },
        ),
        Property::sometimes("a committed stage has to be undone", |_, s: &State| {
            s.items
                .iter()
                .any(|it| it.state == ItemState::Unwinding && it.checkpoints[Stage::Build as usize])
        }),
        Property::sometimes("a cancelled item was begun", |_, s: &State| {
            s.items.iter().any(|it| it.state == ItemState::Cancelled && it.attempt > 0)
        }),
        Property::sometimes("an undo is given up", |_, s: &State| {
            s.items.iter().any(|it| it.state == ItemState::UndoFailed)
        }),
        Property::sometimes("two workers see the operation's end at once", |_, s: &State| {
            s.workers.iter().all(|it| it.outcome.is_some())
        }),
        Property::sometimes("a worker goes on under a fresh id", |_, s: &State| {
            s.workers.iter().any(|it| it.life > 0)
        }),
    ]
}

impl Item {
    /// Visible exactly if it succeeded, and then with a schema of its own.
    fn is_honest(&self) -> bool {
        let visible = self.tenant == TenantState::Active;
        visible == (self.state == ItemState::Succeeded) && (!visible || self.schema == Schema::Ours)
    }

    /// Not ended without success, or nothing left: no schema, no name, no checkpoint.
    fn is_clean(&self) -> bool {
        !matches!(self.state, ItemState::Failed | ItemState::Cancelled)
            || (self.schema != Schema::Ours
                && self.tenant == TenantState::Released
                && self.checkpoints == [false; 2])
    }
}

impl State {
    /// Whether every item has ended, the operation too, and no job is left.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.operation.state.is_final()
            && self.items.iter().all(|it| it.state.is_final())
            && self.jobs.is_empty()
    }
}

impl Protocol {
    /// Whether a worker runs and may, and still nothing will happen by itself.
    #[must_use]
    pub fn is_stuck(&self, state: &State) -> bool {
        let mut actions = Vec::new();
        self.actions(state, &mut actions);
        let own = |action: &_| crate::Action::is_own(action);
        state.may_go_on()
            && !actions.iter().any(|it| own(it) && self.next_state(state, *it).is_some())
    }
}
