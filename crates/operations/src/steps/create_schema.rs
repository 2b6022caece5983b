//! Gives the tenant a schema of its own.
//!
//! Schema, mark and checkpoint commit in one transaction: a crash leaves all or none. The mark
//! records whose the schema is, so a clash of names is an error and never an adoption, and
//! `undo` drops only what is ours.

use std::sync::Arc;

use domain::codes;
use engine::{During, GroupCx, Step, StepCx, StepError, StepName};
use tenantdb::{newcomers, schema};

use crate::{Parts, refusal::Refusal};

/// Creates the tenant's schema and marks it as the tenant's.
#[derive(Debug)]
pub struct CreateSchema(pub Arc<Parts>);

impl Step for CreateSchema {
    const NAME: StepName = StepName::new("create_schema");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant();
        let mark = self.0.mark(tenant.id);
        let owner =
            schema::claim(cx.tx(), &tenant.schema, &mark).await.during("create the schema")?;
        if owner.is(&mark) {
            return Ok(());
        }
        let schema = &tenant.schema;
        let why = format!("schema {schema} exists and belongs to somebody else");
        let told = format!("the schema {schema} exists already and is not this tenant's");
        Err(Refusal::permanent(codes::SCHEMA_TAKEN, why).telling(told)).during("claim the schema")
    }

    async fn apply_all(&self, cx: &mut GroupCx<'_>) -> Result<(), StepError> {
        let (claims, tx) = (cx.claims(), cx.tx());
        newcomers::create_schemas(tx, &self.0.subjects(claims)).await.during("create the schemas")
    }

    async fn undo(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant();
        let mark = self.0.mark(tenant.id);
        schema::drop_owned(cx.tx(), &tenant.schema, &mark).await.during("drop the schema")?;
        Ok(())
    }
}
