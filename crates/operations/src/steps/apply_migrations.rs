//! Brings the tenant's schema to the newest version.

use std::sync::Arc;

use engine::{During, GroupCx, Step, StepCx, StepError, StepName};
use tenantdb::{ledger, migrations, newcomers};

use crate::{Parts, migration_error::MigrationFailed, needs_shared};

/// Applies the tenant migrations that the schema does not have yet.
#[derive(Debug)]
pub struct ApplyMigrations(pub Arc<Parts>);

impl Step for ApplyMigrations {
    const NAME: StepName = StepName::new("apply_migrations");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant();
        needs_shared::check(cx.tx(), &self.0.migrations).await?;
        migrations::apply(cx.tx(), tenant.id, &tenant.schema, &self.0.migrations)
            .await
            .map_err(MigrationFailed::of_new)
            .during("apply the tenant migrations")?;
        Ok(())
    }

    async fn apply_all(&self, cx: &mut GroupCx<'_>) -> Result<(), StepError> {
        let (claims, tx) = (cx.claims(), cx.tx());
        needs_shared::check(tx, &self.0.migrations).await?;
        newcomers::migrate(tx, &self.0.subjects(claims), &self.0.migrations)
            .await
            .map_err(MigrationFailed::of_new)
            .during("apply the tenant migrations")
    }

    /// Forgets them: what they made lies in the schema, and goes with it.
    async fn undo(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant().id;
        ledger::forget(cx.tx(), tenant).await.during("forget its migrations")
    }
}
