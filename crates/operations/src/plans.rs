//! The plans that a worker follows: the list of all kinds.

use std::{sync::Arc, time::Duration};

use domain::{Direction, Kind, Mode};
use engine::{Plan, PlanError};
use store::items::{Claim, Claimant};

use crate::{
    Parts, keys,
    migrate::{self, Migrating},
    steps::{self, Source},
    suspend, update,
};

/// The plan of each kind.
#[derive(Debug)]
pub struct Plans {
    /// `None` in a process that makes no tenants.
    provision: Option<Provision>,
    up: Plan,
    down: Plan,
    update: Plan,
    suspend: Plan,
    resume: Plan,
    /// As [`Self::provision`]: it makes API keys.
    rotate_keys: Option<Plan>,
    revoke_keys: Plan,
    pub(crate) set_hash: String,
}

/// The plan for each mode of an operation, and for each source of a tenant.
#[derive(Debug)]
struct Provision {
    independent: Plan,
    atomic: Plan,
    independent_of_pool: Plan,
    atomic_of_pool: Plan,
}

impl Plans {
    /// The plans of all kinds, made of `parts`.
    ///
    /// # Errors
    /// Never, as long as the steps' names differ: a test builds the plans.
    pub fn new(parts: &Arc<Parts>) -> Result<Self, PlanError> {
        let plan = |mode, source| steps::plan(mode, source, parts);
        let provision = Provision {
            independent: plan(Mode::Independent, Source::Nothing)?,
            atomic: plan(Mode::Atomic, Source::Nothing)?,
            independent_of_pool: plan(Mode::Independent, Source::Pool)?,
            atomic_of_pool: plan(Mode::Atomic, Source::Pool)?,
        };
        let rotate_keys = Some(keys::rotate(&parts.keys)?);
        let others = Self::migrating(&parts.migrating)?;
        Ok(Self { provision: Some(provision), rotate_keys, ..others })
    }

    /// The plans of kind `migrate` alone.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn migrating(parts: &Arc<Migrating>) -> Result<Self, PlanError> {
        let set_hash = parts.migrations.hash().to_owned();
        let plan = |direction| migrate::plan(parts, direction);
        let (up, down) = (plan(Direction::Up)?, plan(Direction::Down)?);
        let (suspend, resume) = (suspend::suspend()?, suspend::resume()?);
        let (update, revoke_keys) = (update::plan()?, keys::revoke()?);
        let (provision, rotate_keys) = (None, None);
        Ok(Self {
            provision,
            up,
            down,
            update,
            suspend,
            resume,
            rotate_keys,
            revoke_keys,
            set_hash,
        })
    }

    /// Such plans for items of kind `migrate`, and no other kind.
    #[cfg(test)]
    pub(crate) fn only(plan: impl Fn() -> Plan) -> Self {
        let (up, down, update) = (plan(), plan(), plan());
        let (suspend, resume, revoke_keys) = (plan(), plan(), plan());
        let (provision, rotate_keys, set_hash) = (None, None, String::new());
        Self { provision, up, down, update, suspend, resume, rotate_keys, revoke_keys, set_hash }
    }

    /// The worker with these plans: it claims no item of another kind or set.
    #[must_use]
    pub fn claimant<'a>(&'a self, worker: &'a str, dead_after: Duration) -> Claimant<'a> {
        let kinds = if self.provision.is_some() { Kind::ALL } else { &[Kind::Migrate] };
        Claimant { worker, kinds, set: &self.set_hash, dead_after }
    }

    /// The plan by which a claimed item is done, and by which it is undone.
    pub(crate) fn of(&self, claim: &Claim) -> &Plan {
        match claim.kind {
            Kind::Provision => self.provision(claim.mode, Source::Nothing),
            Kind::Migrate if claim.params["direction"] == Direction::Down.as_str() => &self.down,
            Kind::Migrate => &self.up,
            Kind::Update => &self.update,
            Kind::Suspend => &self.suspend,
            Kind::Resume => &self.resume,
            Kind::RotateKeys => {
                self.rotate_keys.as_ref().expect("only items of `kinds` are claimed")
            }
            Kind::RevokeKeys => &self.revoke_keys,
        }
    }

    /// The plan by which a tenant is built, or taken from the pool.
    pub(crate) fn provision(&self, mode: Mode, source: Source) -> &Plan {
        let provision = self.provision.as_ref().expect("only items of `kinds` are claimed");
        match (mode, source) {
            (Mode::Independent, Source::Nothing) => &provision.independent,
            (Mode::Atomic, Source::Nothing) => &provision.atomic,
            (Mode::Independent, Source::Pool) => &provision.independent_of_pool,
            (Mode::Atomic, Source::Pool) => &provision.atomic_of_pool,
        }
    }
}
