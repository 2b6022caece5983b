//! What the steps are made of: read once when a worker starts.

use std::sync::Arc;

use domain::InstallationId;
use keys::KeyRules;
use store::{items::Claim, tenants::Place};
use tenantdb::{Mark, MigrationSet, Promise, Subject};

use crate::{Application, Making, migrate::Migrating};

/// Changed with what a role or a schema is made of, besides migrations and settings.
const RECIPE: &str = "r4";

/// Everything the steps need beside the item itself.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Who we are: part of every ownership mark and role name.
    pub installation: InstallationId,
    /// What a new tenant gets: the whole set, or its part up to the version that is in force.
    pub migrations: Arc<MigrationSet>,
    /// What these make.
    pub promise: Arc<Promise>,
    /// The whole set, to which tenants are brought that are there.
    pub newest: Arc<MigrationSet>,
    /// What that makes.
    pub newest_promise: Arc<Promise>,
    making: Making,
    /// How API keys are made and kept.
    pub keys: Arc<KeyRules>,
    /// Connections a tenant's role may hold at once.
    pub connection_limit: i32,
    /// The application's role, if it is to become the tenants.
    pub application: Option<Arc<Application>>,
    /// See [`Parts::stamp`].
    stamp: String,
}

impl Parts {
    /// The parts, all of them; new tenants get the whole set.
    #[must_use]
    pub fn new(
        installation: InstallationId,
        migrations: Arc<MigrationSet>,
        promise: Arc<Promise>,
        keys: Arc<KeyRules>,
        connection_limit: i32,
    ) -> Self {
        let parts = Self {
            installation,
            newest: Arc::clone(&migrations),
            newest_promise: Arc::clone(&promise),
            migrations,
            promise,
            making: Making::default(),
            keys,
            connection_limit,
            application: None,
            stamp: String::new(),
        };
        parts.stamped()
    }

    /// The same, where a new tenant gets `migrations`, which are the whole set or a part of it, and make what
    /// `promise` says.
    #[must_use]
    pub fn born_with(&self, migrations: MigrationSet, promise: Promise) -> Self {
        let (migrations, promise) = (Arc::new(migrations), Arc::new(promise));
        Self { migrations, promise, ..self.clone() }.stamped()
    }

    /// The same, where a new tenant gets the whole set.
    #[must_use]
    pub fn born_with_all(&self) -> Self {
        let (migrations, promise) = (Arc::clone(&self.newest), Arc::clone(&self.newest_promise));
        Self { migrations, promise, ..self.clone() }.stamped()
    }

    fn stamped(self) -> Self {
        let mut stamp = format!("{}/{RECIPE}/{}", self.migrations.hash(), self.connection_limit);
        if let Some(role) = self.application_role() {
            stamp = format!("{stamp}/{role}");
        }
        Self { stamp, ..self }
    }

    /// The same, with an application's role that every tenant's role gets as a member.
    #[must_use]
    pub fn with_application(self, application: Option<Application>) -> Self {
        Self { application: application.map(Arc::new), ..self }.stamped()
    }

    /// The tenants that this process makes now.
    #[must_use]
    pub fn making(&self) -> &Making {
        &self.making
    }

    /// What brings tenants that are there to the whole set.
    pub(crate) fn migrating(&self) -> Arc<Migrating> {
        Arc::new(Migrating {
            migrations: Arc::clone(&self.newest),
            promise: Some(Arc::clone(&self.newest_promise)),
            making: self.making.clone(),
        })
    }

    /// The name of the application's role.
    #[must_use]
    pub fn application_role(&self) -> Option<&str> {
        self.application.as_deref().map(Application::name)
    }

    /// What a tenant built in advance bears: another one whenever anything changes that it is made
    /// of. The hash of the migrations is part of it.
    #[must_use]
    pub fn stamp(&self) -> &str {
        &self.stamp
    }

    /// What a new tenant has.
    pub(crate) fn place(&self) -> Place {
        let version = self.migrations.head().cloned();
        Place { set_hash: self.migrations.hash().to_owned(), version }
    }

    /// The ownership mark of `tenant`'s schema and role.
    #[must_use]
    pub fn mark(&self, tenant: domain::TenantId) -> Mark {
        Mark { installation: self.installation.clone(), tenant }
    }

    /// The tenants of `claims`, as their database is to know them.
    pub(crate) fn subjects<'a>(&'a self, claims: &'a [Claim]) -> Vec<Subject<'a>> {
        let subject = |claim: &'a Claim| Subject {
            schema: &claim.tenant.schema,
            role: &claim.tenant.role,
            mark: self.mark(claim.tenant.id),
            neighbour: claim.neighbour.as_ref(),
            path: self.migrations.path(),
            application_role: self.application_role(),
        };
        claims.iter().map(subject).collect()
    }
}
