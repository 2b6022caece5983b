//! Gives the tenant a schema of its own.
//!
//! Schema, mark and checkpoint commit in one transaction: a crash leaves all or none. The mark
//! records whose the schema is, so a clash of names is an error and never an adoption, and
//! `undo` drops only what is ours.

use std::sync::Arc;

use engine::{During, GroupCx, Step, StepCx, StepError, StepName};
use tenantdb::{newcomers, schema};

use super::taken::SchemaTaken;
use crate::Parts;

/// Creates the tenant's schema and marks it as the tenant's.
#[derive(Debug)]
pub struct CreateSchema {
    parts: Arc<Parts>,
}

impl CreateSchema {
    /// The step, for the installation of `parts`.
    #[must_use]
    pub fn new(parts: &Arc<Parts>) -> Self {
        Self { parts: Arc::clone(parts) }
    }
}

impl Step for CreateSchema {
    const NAME: StepName = StepName::new("create_schema");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant();
        let mark = self.parts.mark(tenant.id);
        let owner =
            schema::claim(cx.tx(), &tenant.schema, &mark).await.during("create the schema")?;
        if owner.is(&mark) {
            return Ok(());
        }
        Err(SchemaTaken(tenant.schema.to_string())).during("claim the schema")
    }

    async fn apply_all(&self, cx: &mut GroupCx<'_>) -> Result<(), StepError> {
        let (claims, tx) = (cx.claims(), cx.tx());
        newcomers::create_schemas(tx, &self.parts.newcomers(claims))
            .await
            .during("create the schemas")
    }

    async fn undo(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant();
        let mark = self.parts.mark(tenant.id);
        schema::drop_owned(cx.tx(), &tenant.schema, &mark).await.during("drop the schema")?;
        Ok(())
    }
}
