//! The plans that a worker follows: the list of all kinds.

use std::{sync::Arc, time::Duration};

use domain::{Direction, Kind, Mode};
use engine::{Plan, PlanError};
use store::items::{Claim, Claimant};
use tokio::sync::watch;

use crate::{
    Making, Parts, import, keys,
    migrate::{self, Migrating},
    purge, release,
    steps::{self, Source},
    suspend, update,
};

/// The plan of each kind.
#[derive(Debug)]
pub struct Plans {
    up: Plan,
    down: Plan,
    /// `None` in a process that only migrates.
    whole_life: Option<WholeLife>,
    pub(crate) set_hash: String,
    /// What transactions on tenants that are there give way to.
    pub(crate) making: Making,
}

/// The plans of all other kinds.
#[derive(Debug)]
struct WholeLife {
    parts: Arc<Parts>,
    provision: Provision,
    update: Plan,
    suspend: Plan,
    resume: Plan,
    rotate_keys: Plan,
    revoke_keys: Plan,
    delete: Plan,
    undelete: Plan,
    purge: Plan,
    purge_large: Plan,
    import: Plan,
    release: Plan,
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
        let whole_life = WholeLife {
            parts: Arc::clone(parts),
            provision,
            update: update::plan()?,
            suspend: suspend::suspend()?,
            resume: suspend::resume()?,
            rotate_keys: keys::rotate(&parts.keys)?,
            revoke_keys: keys::revoke()?,
            delete: suspend::delete()?,
            undelete: suspend::undelete()?,
            purge: purge::plan(parts, false)?,
            purge_large: purge::plan(parts, true)?,
            import: import::plan(parts)?,
            release: release::plan(parts)?,
        };
        Ok(Self { whole_life: Some(whole_life), ..Self::migrating(&parts.migrating())? })
    }

    /// The plans of kind `migrate` alone.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn migrating(parts: &Arc<Migrating>) -> Result<Self, PlanError> {
        let set_hash = parts.migrations.hash().to_owned();
        let plan = |direction| migrate::plan(parts, direction);
        let (up, down) = (plan(Direction::Up)?, plan(Direction::Down)?);
        Ok(Self { up, down, whole_life: None, set_hash, making: parts.making.clone() })
    }

    /// Such plans for items of kind `migrate`, and no other kind.
    #[cfg(test)]
    pub(crate) fn only(plan: impl Fn() -> Plan) -> Self {
        let (set_hash, making) = (String::new(), Making::default());
        Self { up: plan(), down: plan(), whole_life: None, set_hash, making }
    }

    /// What they are made of.
    ///
    /// # Panics
    /// In a process that only migrates.
    #[must_use]
    pub fn parts(&self) -> &Arc<Parts> {
        &self.whole_life().parts
    }

    /// These, as an [`crate::Executor`] follows them that is to follow no others.
    #[must_use]
    pub fn for_good(self) -> watch::Receiver<Arc<Self>> {
        watch::channel(Arc::new(self)).1
    }

    /// The worker with these plans: it claims no item of another kind or set.
    #[must_use]
    pub fn claimant<'a>(&'a self, worker: &'a str, dead_after: Duration) -> Claimant<'a> {
        let kinds = if self.whole_life.is_some() { Kind::ALL } else { &[Kind::Migrate] };
        Claimant { worker, kinds, set: &self.set_hash, dead_after }
    }

    /// The plan by which a claimed item is done, and by which it is undone.
    pub(crate) fn of(&self, claim: &Claim) -> &Plan {
        match claim.kind {
            Kind::Provision => self.provision(claim.mode, Source::Nothing),
            Kind::Migrate if claim.params["direction"] == Direction::Down.as_str() => &self.down,
            Kind::Migrate => &self.up,
            Kind::Update => &self.whole_life().update,
            Kind::RotateKeys => &self.whole_life().rotate_keys,
            Kind::RevokeKeys => &self.whole_life().revoke_keys,
            Kind::Suspend => &self.whole_life().suspend,
            Kind::Resume => &self.whole_life().resume,
            Kind::Delete => &self.whole_life().delete,
            Kind::Undelete => &self.whole_life().undelete,
            Kind::Purge if claim.params["large"] == true => &self.whole_life().purge_large,
            Kind::Purge => &self.whole_life().purge,
            Kind::Import => &self.whole_life().import,
            Kind::Release => &self.whole_life().release,
        }
    }

    fn whole_life(&self) -> &WholeLife {
        self.whole_life.as_ref().expect("only items of `kinds` are claimed")
    }

    /// The plan by which a tenant is built, or taken from the pool.
    pub(crate) fn provision(&self, mode: Mode, source: Source) -> &Plan {
        let provision = &self.whole_life().provision;
        match (mode, source) {
            (Mode::Independent, Source::Nothing) => &provision.independent,
            (Mode::Atomic, Source::Nothing) => &provision.atomic,
            (Mode::Independent, Source::Pool) => &provision.independent_of_pool,
            (Mode::Atomic, Source::Pool) => &provision.atomic_of_pool,
        }
    }
}
