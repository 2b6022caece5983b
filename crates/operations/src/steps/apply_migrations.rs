//! Brings the tenant's schema to the newest version.

use std::sync::Arc;

use domain::{Code, codes};
use engine::{Classify, During, Step, StepCx, StepError, StepName};
use sqlx::PgConnection;
use store::{ErrorClass, items::Claim};
use tenantdb::{
    ledger,
    migrations::{self, MigrateError},
    newcomers,
};

use crate::Parts;

/// Applies the tenant migrations that the schema does not have yet.
#[derive(Debug)]
pub struct ApplyMigrations {
    parts: Arc<Parts>,
}

impl ApplyMigrations {
    /// The step, with the migrations of `parts`.
    #[must_use]
    pub fn new(parts: &Arc<Parts>) -> Self {
        Self { parts: Arc::clone(parts) }
    }
}

impl Step for ApplyMigrations {
    const NAME: StepName = StepName::new("apply_migrations");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant();
        migrations::apply(cx.tx(), tenant.id, &tenant.schema, &self.parts.migrations)
            .await
            .map_err(ApplyError)
            .during("apply the tenant migrations")?;
        Ok(())
    }

    async fn apply_all(&self, claims: &[Claim], tx: &mut PgConnection) -> Result<(), StepError> {
        newcomers::migrate(tx, &self.parts.newcomers(claims), &self.parts.migrations)
            .await
            .map_err(ApplyError)
            .during("apply the tenant migrations")
    }

    /// Forgets them: what they made lies in the schema, and goes with it.
    async fn undo(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant().id;
        ledger::forget(cx.tx(), tenant).await.during("forget its migrations")
    }
}

/// A tenant migration failed.
#[derive(Debug, thiserror::Error)]
#[error("the tenant migrations could not be applied")]
struct ApplyError(#[source] MigrateError);

impl Classify for ApplyError {
    fn class(&self) -> ErrorClass {
        match self.0.database().map_or(ErrorClass::Permanent, store::classify) {
            // a statement of the migration was refused, and will be for every tenant
            ErrorClass::Refused => ErrorClass::Permanent,
            class => class,
        }
    }

    fn code(&self) -> Code {
        match self.0.database() {
            Some(error) if self.class().is_transient() => error.code(),
            None if matches!(self.0, MigrateError::Unrecorded { .. }) => {
                codes::MIGRATIONS_UNRECORDED
            }
            _ => codes::MIGRATION_FAILED,
        }
    }

    /// A migration is named only when it is to blame, and not the database: its file, and what the
    /// server says of it. A trigger of the database has its own words.
    fn public_message(&self) -> Option<String> {
        let of_a_trigger = self.0.database().and_then(Classify::public_message);
        let told = || match of_a_trigger {
            Some(said) => format!("{}: {said}", self.0),
            None => telemetry::chain(&self.0),
        };
        (self.class() == ErrorClass::Permanent).then(told)
    }
}
