//! How far to look, and how patiently.

use std::{collections::BTreeSet, time::Duration};

use keys::Sealer;
use tenantdb::MigrationSet;

use crate::{Kind, checks::promise::WALKED};

/// How many tenants' schemas are held against the migrations, object by object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// None.
    Shallow,
    /// So many, taken at random: another run takes others.
    Sample(u32),
    /// Those of all active tenants.
    All,
}

#[derive(Debug, Clone)]
pub struct Scope {
    /// What every tenant is to have.
    pub migrations: MigrationSet,
    /// What the application's own schema is to have; `None` = it is not looked at.
    pub shared_migrations: Option<MigrationSet>,
    /// How many tenants are looked at in depth.
    pub depth: Depth,
    /// What passes by itself is trouble only when it is older than this: the workers' sweeps need
    /// their time. Zero = everything, for a system that has come to rest.
    pub grace: Duration,
    /// A worker silent for longer is dead: `worker.dead_after_ms`.
    pub dead_after: Duration,
    /// Connections that a tenant's role may hold, where a repair has to say: -1 = any number.
    pub connection_limit: i32,
    /// The role that may become every tenant: `tenants.application_role`.
    pub application_role: Option<String>,
    /// Tenants that it may become: `tenants.application_role_limit`.
    pub application_role_limit: u32,
    /// Most findings told of one kind; all are counted.
    pub limit: u32,
    /// Opens what lies sealed; `None` = the master key is not looked at.
    pub sealer: Option<Sealer>,
    /// What is looked for; `None` = every kind.
    pub kinds: Option<BTreeSet<Kind>>,
}

impl Scope {
    /// Every kind, a sample of 25 tenants in depth, 1,000 findings a kind; two minutes of grace,
    /// twice what the slowest sweep takes; workers die after 12 s.
    #[must_use]
    pub fn new(migrations: MigrationSet) -> Self {
        Self {
            migrations,
            shared_migrations: None,
            depth: Depth::Sample(25),
            grace: Duration::from_secs(120),
            dead_after: Duration::from_secs(12),
            connection_limit: -1,
            application_role: None,
            application_role_limit: 10_000,
            limit: 1_000,
            sealer: None,
            kinds: None,
        }
    }

    /// The same, of these kinds only.
    #[must_use]
    pub fn only(&self, kinds: impl IntoIterator<Item = Kind>) -> Self {
        Self { kinds: Some(kinds.into_iter().collect()), ..self.clone() }
    }

    /// Every kind but those that a look at each tenant finds, for a system whose tenants are looked at one by
    /// one at other times.
    #[must_use]
    pub fn without_tenants(&self) -> Self {
        let rest = Kind::ALL.iter().copied().filter(|kind| !WALKED.contains(kind));
        Self { depth: Depth::Shallow, ..self.only(rest) }
    }

    /// Whether this kind is looked for.
    #[must_use]
    pub fn wants(&self, kind: Kind) -> bool {
        self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind))
    }

    pub(crate) fn wants_any(&self, kinds: &[Kind]) -> bool {
        kinds.iter().any(|kind| self.wants(*kind))
    }
}
