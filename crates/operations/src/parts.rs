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
#[derive(Debug)]
pub struct Parts {
    /// Who we are: part of every ownership mark and role name.
    pub installation: InstallationId,
    /// What every tenant schema gets.
    pub migrations: Arc<MigrationSet>,
    /// What the migrations promise to make.
    pub promise: Arc<Promise>,
    /// The same two, for tenants that are there.
    pub(crate) migrating: Arc<Migrating>,
    /// How API keys are made and kept.
    pub keys: Arc<KeyRules>,
    /// Connections a tenant's role may hold at once.
    pub connection_limit: i32,
    /// The application's role, if it is to become the tenants.
    pub application: Option<Application>,
    /// See [`Parts::stamp`].
    stamp: String,
}

impl Parts {
    /// The parts, all of them.
    #[must_use]
    pub fn new(
        installation: InstallationId,
        migrations: Arc<MigrationSet>,
        promise: Arc<Promise>,
        keys: Arc<KeyRules>,
        connection_limit: i32,
    ) -> Self {
        let stamp = format!("{}/{RECIPE}/{connection_limit}", migrations.hash());
        let migrating = Migrating {
            migrations: Arc::clone(&migrations),
            promise: Some(Arc::clone(&promise)),
            making: Making::default(),
        };
        Self {
            installation,
            migrations,
            promise,
            migrating: Arc::new(migrating),
            keys,
            connection_limit,
            application: None,
            stamp,
        }
    }

    /// The same, with an application's role that every tenant's role gets as a member.
    #[must_use]
    pub fn with_application(mut self, application: Option<Application>) -> Self {
        if let Some(application) = &application {
            self.stamp = format!("{}/{}", self.stamp, application.name());
        }
        Self { application, ..self }
    }

    /// The tenants that this process makes now.
    #[must_use]
    pub fn making(&self) -> &Making {
        &self.migrating.making
    }

    /// The name of the application's role.
    #[must_use]
    pub fn application_role(&self) -> Option<&str> {
        self.application.as_ref().map(Application::name)
    }

    /// What a tenant built in advance bears: another one whenever anything changes that it is made
    /// of. The hash of the migrations is part of it.
    #[must_use]
    pub fn stamp(&self) -> &str {
        &self.stamp
    }

    /// What a tenant has that was built of these.
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
