//! Who works on a tenant: an item holds its tenants from its claim to its end.

use crate::{ItemState, Kind, Protocol, State, Variant, state::Item};

impl Protocol {
    /// Whether `item` may not be claimed yet: another item holds one of its tenants, or has
    /// waited longer for one.
    pub(crate) fn has_to_wait(&self, state: &State, item: usize) -> bool {
        let is_new = matches!(state.items[item].state, ItemState::Queued | ItemState::Waiting);
        is_new
            && self.variant != Variant::NoHold
            && (0..state.items.len()).any(|other| {
                let in_the_way = other != item && state.share_a_tenant(item, other);
                let is_first = state.waits_before(other, item);
                in_the_way
                    && (state.items[other].state.holds()
                        || state.items[item].tenants().any(|it| state.items[other].keeps(it))
                        || (is_first && self.variant != Variant::Overtakes))
            })
    }

    /// Makes a claimed item wait, without a hold.
    pub(crate) fn make_wait(&self, state: &mut State, item: usize) {
        if state.items[item].state != ItemState::Waiting {
            state.move_item(item, ItemState::Waiting);
        }
        if self.variant == Variant::WaitingHolds {
            let free = |tenant| {
                let mut others = (0..state.items.len()).filter(|other| *other != item);
                !others.any(|it| state.items[it].has(tenant))
            };
            let row = &state.items[item];
            state.items[item].kept = [free(row.tenant), row.source.is_some_and(free)];
        }
    }

    /// What else happens in the transaction in which `item` ends: a tenant that never was gives
    /// its names back, and the first in line for a tenant gets a job.
    pub(crate) fn let_go(&self, state: &mut State, item: usize) {
        let row = &mut state.items[item];
        row.owner = None;
        if row.kind == Kind::Provision && row.state != ItemState::UndoFailed {
            state.tenants[row.tenant].release();
        }
        for other in 0..state.items.len() {
            let waits = state.items[other].state == ItemState::Waiting;
            let may_go = waits && !state.operation_of(other).paused;
            if may_go && state.share_a_tenant(item, other) && !self.has_to_wait(state, other) {
                state.mint_job(other);
            }
        }
    }
}

impl State {
    /// Whether both want one tenant.
    pub(crate) fn share_a_tenant(&self, item: usize, other: usize) -> bool {
        let mut tenants = self.items[item].tenants();
        tenants.any(|it| self.items[other].tenants().any(|its| its == it))
    }

    /// Whether `first` waits for a tenant of `second`, and came before it. Whoever waits for
    /// the end of a pause is overtaken.
    pub(crate) fn waits_before(&self, first: usize, second: usize) -> bool {
        first < second
            && self.items[first].state == ItemState::Waiting
            && !self.operation_of(first).paused
            && self.share_a_tenant(first, second)
    }

    /// Whether another item holds a tenant of `item`.
    pub(crate) fn is_held_by_another(&self, item: usize) -> bool {
        let mut others = (0..self.items.len()).filter(|other| *other != item);
        others.any(|it| self.items[it].state.holds() && self.share_a_tenant(item, it))
    }
}

impl Item {
    /// Whether it keeps `tenant` while it waits.
    fn keeps(&self, tenant: usize) -> bool {
        self.state == ItemState::Waiting
            && ((self.kept[0] && self.tenant == tenant)
                || (self.kept[1] && self.source == Some(tenant)))
    }

    /// Whether it holds or keeps `tenant`.
    fn has(&self, tenant: usize) -> bool {
        self.keeps(tenant) || (self.state.holds() && self.tenants().any(|it| it == tenant))
    }
}
