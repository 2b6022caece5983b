//! The scratch tenants of a trial, and how files run in them.

use std::sync::atomic::{AtomicBool, Ordering};

use domain::InstallationId;
use sqlx::{Connection as _, PgConnection};

use super::outside::Outside;
use super::{Fault, TrialError, words};
use crate::migrations::{self, MigrateError, Migration, MigrationSet};
use crate::scratch::{self, Scope, ScratchTenant};
use crate::shape::{self, Shape};
use crate::survey::{self, Depth};

#[derive(Debug)]
pub(super) struct Tenants<'t> {
    pub(super) conn: &'t mut PgConnection,
    pub(super) installation: &'t InstallationId,
    pub(super) set: &'t MigrationSet,
    pub(super) stop: &'t AtomicBool,
    pub(super) made: Vec<ScratchTenant>,
}

/// Why files did not run.
#[derive(Debug)]
pub(super) enum Halt {
    Refused(MigrateError),
    /// What they did outside their schema, in sentences. It is rolled back.
    Outside(Vec<String>),
    Trial(TrialError),
}

impl From<MigrateError> for Halt {
    fn from(error: MigrateError) -> Self {
        match error {
            // not the server's answer to a statement
            MigrateError::Database(error) if error.as_database_error().is_none() => error.into(),
            error => Self::Refused(error),
        }
    }
}

impl From<sqlx::Error> for Halt {
    fn from(error: sqlx::Error) -> Self {
        Self::Trial(error.into())
    }
}

impl Halt {
    /// The fault of the file, told by `code` and `message` where the server refused it.
    pub(super) fn fault(
        self,
        file: &str,
        code: &'static str,
        message: &str,
    ) -> Result<Fault, TrialError> {
        let file = file.to_owned();
        match self {
            Self::Trial(error) => Err(error),
            Self::Refused(error) => {
                Ok(Fault { file, code, message: message.to_owned(), source: Some(error) })
            }
            Self::Outside(changes) => {
                let message = words::outside(&changes);
                Ok(Fault { file, code: "changes_outside", message, source: None })
            }
        }
    }
}

impl Tenants<'_> {
    /// Makes a tenant, and gives its number.
    pub(super) async fn tenant(&mut self) -> sqlx::Result<usize> {
        let made = ScratchTenant::create(self.conn, self.installation, self.set.path()).await?;
        self.made.push(made);
        Ok(self.made.len() - 1)
    }

    /// What is in the tenant's schema, with the rights that are not as every tenant has them, in a form that is
    /// the same for all tenants.
    pub(super) async fn look(&mut self, tenant: usize) -> sqlx::Result<Shape> {
        let tenant = &self.made[tenant];
        let subject = tenant.subject(self.set.path());
        let survey = survey::read_all(self.conn, &[subject], Depth::FULL).await?.remove(0);
        let (schema, role) = (tenant.schema.as_str(), tenant.role.as_str());
        let put = |text: &str| {
            let text = text.replace(&format!("{schema}."), "");
            text.replace(schema, "{schema}").replace(role, "{role}")
        };
        let rights = survey.grants.iter().map(|grant| format!("right ({grant})"));
        let rights = rights.map(|right| (put(&right), String::new()));
        Ok(shape::with_names(&survey.shape, put).into_iter().chain(rights).collect())
    }

    /// Runs one file, or its way `back`.
    pub(super) async fn file(
        &mut self,
        tenant: usize,
        file: &Migration,
        back: bool,
    ) -> Result<(), Halt> {
        if !file.is_alone(back) {
            return self.transaction(tenant, &[file], back).await;
        }
        self.go_on()?;
        let schema = &self.made[tenant].schema;
        Ok(migrations::rehearse(self.conn, schema, self.set, file, back).await?)
    }

    /// Runs all files as for a new tenant: in one transaction, or in segments if one is not enough.
    pub(super) async fn all_files(&mut self, tenant: usize) -> Result<(), Halt> {
        let files: Vec<&Migration> = self.set.iter().collect();
        match self.transaction(tenant, &files, false).await {
            Err(Halt::Refused(error)) if error.needs_boundary() => {}
            done => return done,
        }
        let set = migrations::cut(self.conn, self.set).await?;
        for segment in set.segments() {
            let files: Vec<&Migration> = segment.files().collect();
            match files[..] {
                [file] => self.file(tenant, file, false).await?,
                _ => self.transaction(tenant, &files, false).await?,
            }
        }
        Ok(())
    }

    /// Runs files in a transaction, and commits it unless something outside the schema is another one then.
    async fn transaction(
        &mut self,
        tenant: usize,
        files: &[&Migration],
        back: bool,
    ) -> Result<(), Halt> {
        self.go_on()?;
        let schema = &self.made[tenant].schema;
        let (installation, shared) = (self.installation, self.set.shared());
        let outside = Outside { installation, schema, shared };
        // other sessions' changes are not to be taken for the files'
        let mut tx = self.conn.begin_with("begin isolation level repeatable read").await?;
        scratch::limit_time(&mut tx, Scope::Transaction).await?;
        let before = outside.read(&mut tx).await?;
        migrations::build(&mut tx, schema, self.set, files, back).await?;
        let changes = words::changes(&before, &outside.read(&mut tx).await?);
        if !changes.is_empty() {
            tx.rollback().await?;
            return Err(Halt::Outside(changes));
        }
        // what a constraint puts off is checked now
        Ok(tx.commit().await.map_err(MigrateError::from)?)
    }

    fn go_on(&self) -> Result<(), Halt> {
        match self.stop.load(Ordering::Relaxed) {
            true => Err(Halt::Trial(TrialError::Stopped)),
            false => Ok(()),
        }
    }

    /// Drops the tenants, each even if another cannot be dropped.
    pub(super) async fn clear(self) -> sqlx::Result<()> {
        let mut cleared = Ok(());
        for tenant in self.made {
            let dropped = tenant.drop(self.conn).await;
            cleared = cleared.and(dropped);
        }
        cleared
    }
}
