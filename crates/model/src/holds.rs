//! Who works on a tenant: an item holds its tenants from its claim to its end.

use domain::{ItemState, TenantState};

use crate::{Kind, Protocol, State, Variant, state::Item};

impl Protocol {
    /// Whether `item` may not be claimed yet: another item holds one of its tenants, or came
    /// before it and has not begun.
    pub(crate) fn has_to_wait(&self, state: &State, item: usize) -> bool {
        let is_new = matches!(state.items[item].state, ItemState::Queued | ItemState::Waiting);
        is_new
            && self.variant != Variant::NoHold
            && (0..state.items.len()).any(|other| {
                let in_the_way = other != item && state.share_a_tenant(item, other);
                let is_first = state.waits_before(other, item);
                in_the_way
                    && (state.items[other].state.holds_its_tenant()
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
}

impl State {
    /// What else happens in the transaction in which `item` ends: a tenant that never was gives
    /// its names back.
    pub(crate) fn let_go(&mut self, item: usize) {
        let row = &mut self.items[item];
        row.owner = None;
        let tenant = &mut self.tenants[row.tenant];
        let is_new = row.kind == Kind::Provision && tenant.state == TenantState::Pending;
        if is_new && row.state != ItemState::UndoFailed {
            tenant.state = TenantState::Released;
        }
    }

    /// `worker` is to release the tenants of `item`, if another item wants them. One that is made
    /// is left to the sweep.
    pub(crate) fn note_freed(&mut self, worker: usize, item: usize) {
        if self.items[item].kind == Kind::Provision {
            return;
        }
        for tenant in self.items[item].tenants() {
            let is_wanted = self.items.iter().any(|it| {
                matches!(it.state, ItemState::Queued | ItemState::Waiting)
                    && it.tenants().any(|its| its == tenant)
            });
            self.workers[worker].freed[tenant] |= is_wanted;
        }
    }

    /// `engine::control::release`: the first item that waits for each of the tenants gets a job.
    pub(crate) fn release(&mut self, worker: usize) {
        let freed = std::mem::take(&mut self.workers[worker].freed);
        for tenant in (0..freed.len()).filter(|it| freed[*it]) {
            let waits =
                |it: &Item| it.state == ItemState::Waiting && it.tenants().any(|its| its == tenant);
            if let Some(first) = self.items.iter().position(waits) {
                self.mint_job(first);
            }
        }
    }

    /// Whether both want one tenant.
    pub(crate) fn share_a_tenant(&self, item: usize, other: usize) -> bool {
        let mut tenants = self.items[item].tenants();
        tenants.any(|it| self.items[other].tenants().any(|its| its == it))
    }

    /// Whether `first` wants a tenant of `second`, came before it and has not begun. One whose
    /// operation is paused is overtaken.
    pub(crate) fn waits_before(&self, first: usize, second: usize) -> bool {
        first < second
            && matches!(self.items[first].state, ItemState::Queued | ItemState::Waiting)
            && !self.operation_of(first).paused
            && self.share_a_tenant(first, second)
    }

    /// Whether another item holds a tenant of `item`.
    pub(crate) fn is_held_by_another(&self, item: usize) -> bool {
        let mut others = (0..self.items.len()).filter(|other| *other != item);
        others.any(|it| self.items[it].state.holds_its_tenant() && self.share_a_tenant(item, it))
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
        self.keeps(tenant)
            || (self.state.holds_its_tenant() && self.tenants().any(|it| it == tenant))
    }
}
