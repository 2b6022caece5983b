//! Makes a schema the tenant's: its mark, and its place among the migrations.

use std::sync::Arc;

use domain::codes;
use engine::{During, Step, StepCx, StepError, StepName};
use store::imports as kept;
use tenantdb::{
    imports, ledger,
    migrations::{self, Target},
    schema,
};

use super::{baseline::refuse, compared};
use crate::{Parts, migration_error::MigrationFailed, refusal::Refusal, release};

/// Keeps what is in the schema, and marks it as imported for the tenant.
#[derive(Debug)]
pub(super) struct AdoptSchema(pub(super) Arc<Parts>);

impl Step for AdoptSchema {
    const NAME: StepName = StepName::new("adopt_schema");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant();
        let mark = self.0.mark(tenant.id);
        let owner = schema::owner(cx.tx(), &tenant.schema).await.during("look for the schema")?;
        if owner.is_imported(&mark) {
            return Ok(());
        }
        refuse(cx.tx(), &tenant.schema).await?;
        let found = imports::found(cx.tx(), &tenant.schema).await.during("read the schema")?;
        let unreadable = |_| Refusal::permanent(codes::INTERNAL, "what was found is not JSON");
        let found = serde_json::from_str(&found).map_err(unreadable).during("read the schema")?;
        let operation = cx.claim().operation;
        kept::keep(cx.tx(), tenant.id, operation, &found).await.during("keep what was found")?;
        imports::mark(cx.tx(), &tenant.schema, &mark).await.during("mark the schema")
    }

    async fn undo(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant();
        release::give_back(cx.tx(), tenant, &self.0.mark(tenant.id)).await
    }
}

/// Writes down the version that the schema is at, and runs no migration.
#[derive(Debug)]
pub(super) struct RecordBaseline(pub(super) Arc<Parts>);

impl Step for RecordBaseline {
    const NAME: StepName = StepName::new("record_baseline");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let (tenant, version) = (cx.tenant(), compared(cx)?.version);
        let what = "write down the version";
        if ledger::read(cx.tx(), &[tenant.id]).await.during(what)?[0].is_some() {
            return Ok(());
        }
        let at = version.map_or("none".to_owned(), |version| version);
        let Ok(at) = at.parse::<Target>();
        migrations::record(cx.tx(), tenant.id, &tenant.schema, &self.0.migrations, Some(&at))
            .await
            .map_err(MigrationFailed::of_existing)
            .during(what)?;
        Ok(())
    }

    async fn undo(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant().id;
        ledger::forget(cx.tx(), tenant).await.during("forget its migrations")
    }
}
