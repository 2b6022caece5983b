//! What a stage does to its tenant, and how that is taken back.

use domain::TenantState;

use crate::{
    Kind, Protocol, Schema, Stage, State, Variant,
    worker::{Hand, Phase},
};

impl Protocol {
    /// Whether `stage` takes effect in another database than the checkpoints.
    pub(crate) const fn is_elsewhere(&self, stage: Stage) -> bool {
        self.remote && stage.is_the_tenant_databases()
    }

    /// Whether the stage can never work on what is there.
    pub(crate) fn is_refused(&self, state: &State, item: usize, stage: Stage) -> bool {
        let tenant = &state.tenants[state.items[item].tenant];
        match stage {
            Stage::Build => {
                tenant.schema == Schema::Strangers && self.variant != Variant::NoOwnershipMark
            }
            Stage::Activate => tenant.state == TenantState::Released,
            Stage::MigrateFirst | Stage::MigrateSecond => tenant.schema != Schema::Ours,
            Stage::Close => tenant.state != TenantState::Active,
            Stage::Drop | Stage::Erase => tenant.state != TenantState::Deleting,
        }
    }

    /// Takes the effect of the stage `n` and its checkpoint back. Without the mark there is only
    /// the name to go by.
    pub(crate) fn undo(&self, state: &mut State, item: usize, n: usize) {
        state.note_order(item, n, true);
        let row = &mut state.items[item];
        let stage = row.kind.plan()[n];
        state.wrong.undone |= row.kind.stays() || row.kind.is_past_pivot(&row.effects);
        row.effects[n] = false;
        if !self.is_elsewhere(stage) {
            row.checkpoints[n] = false;
        }
        let tenant = &mut state.tenants[row.tenant];
        match stage {
            Stage::Build
                if tenant.schema == Schema::Ours || self.variant == Variant::NoOwnershipMark =>
            {
                tenant.schema = Schema::Nobodys;
            }
            Stage::Activate if tenant.state == TenantState::Active => {
                tenant.state = TenantState::Pending;
            }
            Stage::Close if tenant.state == TenantState::Deleting => {
                tenant.state = TenantState::Active;
            }
            // What was dropped does not come back.
            _ => {}
        }
    }

    /// The stage that is to be undone next. What is dropped from `known` by a kind that stays, or
    /// after the pivot, is not undone.
    pub(crate) fn stage_to_undo(&self, kind: Kind, hand: &Hand) -> Option<usize> {
        if self.variant == Variant::UndoOfWhatStays {
            return hand.known.iter().rposition(|is_known| *is_known);
        }
        kind.stage_to_undo(&hand.known)
    }

    /// Whether the handler's next transaction is the one that ends the item.
    pub(crate) fn is_about_to_end(&self, state: &State, hand: &Hand) -> bool {
        let kind = state.items[hand.item].kind;
        match hand.phase {
            Phase::Work => kind.next_stage(&hand.known) == Some(kind.plan().len() - 1),
            Phase::Unwind => self.stage_to_undo(kind, hand).is_none(),
            _ => false,
        }
    }
}

impl State {
    pub(crate) fn apply(&mut self, item: usize, n: usize) {
        self.note_order(item, n, false);
        let row = &mut self.items[item];
        row.effects[n] = true;
        let tenant = &mut self.tenants[row.tenant];
        match row.kind.plan()[n] {
            Stage::Build if tenant.schema == Schema::Nobodys => tenant.schema = Schema::Ours,
            Stage::Activate => {
                tenant.state = TenantState::Active;
                tenant.activations += 1;
            }
            Stage::Close => tenant.state = TenantState::Deleting,
            Stage::Drop if tenant.schema == Schema::Ours => tenant.schema = Schema::Nobodys,
            Stage::Erase => tenant.state = TenantState::Deleted,
            Stage::Build | Stage::Drop | Stage::MigrateFirst | Stage::MigrateSecond => {}
        }
    }

    /// Notes a stage that comes twice, out of order, or within another item's work.
    fn note_order(&mut self, item: usize, n: usize, is_undo: bool) {
        let effects = &self.items[item].effects;
        let in_order = (0..effects.len()).all(|it| effects[it] == (it < n + usize::from(is_undo)));
        self.wrong.disordered |= !in_order;
        self.wrong.between |= self.is_held_by_another(item);
    }
}
