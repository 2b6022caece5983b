//! Tells the tenant's own application of its tenant.

use std::sync::Arc;

use engine::{During, GroupCx, Step, StepCx, StepError, StepName};
use store::items::ClaimedTenant;
use tenantdb::own_row::{self, OwnRow};

use crate::Parts;

/// Writes the tenant's row in its own schema, where the migrations make a table for it.
#[derive(Debug)]
pub struct WriteOwnRow(pub Arc<Parts>);

impl Step for WriteOwnRow {
    const NAME: StepName = StepName::new("write_own_row");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        cx.as_group(self).await
    }

    async fn apply_all(&self, cx: &mut GroupCx<'_>) -> Result<(), StepError> {
        if !self.0.promise.has_own_row() {
            return Ok(());
        }
        let rows: Vec<_> = cx.claims().iter().map(|claim| row_of(&claim.tenant)).collect();
        own_row::write(cx.tx(), &rows).await.during("write the tenant's own row")
    }

    /// Nothing: the row goes with the schema.
    async fn undo(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
        Ok(())
    }
}

/// The row as the registry has it.
pub(crate) fn row_of(tenant: &ClaimedTenant) -> OwnRow<'_> {
    OwnRow {
        schema: &tenant.schema,
        tenant: tenant.id,
        name: tenant.name.as_str(),
        domain: &tenant.domain,
        settings: tenant.settings.get(),
    }
}
