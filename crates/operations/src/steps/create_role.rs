//! Gives the tenant a role of its own, that may log in and belongs to the tenants' group.
//!
//! Roles are the whole cluster's. A mark on the role records whose it is, so a clash of names is
//! an error and never an adoption, and `undo` drops only what is ours.

use std::sync::Arc;

use domain::codes;
use engine::{During, GroupCx, Step, StepCx, StepError, StepName};
use tenantdb::{newcomers, role};

use crate::{Parts, refusal::Refusal};

/// Creates the tenant's role and marks it as the tenant's.
#[derive(Debug)]
pub struct CreateRole(pub Arc<Parts>);

impl Step for CreateRole {
    const NAME: StepName = StepName::new("create_role");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant();
        let mark = self.0.mark(tenant.id);
        let limit = self.0.connection_limit;
        let path = self.0.migrations.path();
        let owner = role::claim(cx.tx(), &tenant.role, &tenant.schema, limit, &mark, path)
            .await
            .during("create the role")?;
        if owner.is(&mark) {
            return Ok(());
        }
        let role = &tenant.role;
        let why = format!("role {role} exists and belongs to somebody else");
        let told = format!("the role {role} exists already and is not this tenant's");
        Err(Refusal::permanent(codes::ROLE_TAKEN, why).telling(told)).during("claim the role")
    }

    async fn apply_all(&self, cx: &mut GroupCx<'_>) -> Result<(), StepError> {
        let (claims, tx) = (cx.claims(), cx.tx());
        newcomers::create_roles(tx, &self.0.subjects(claims), self.0.connection_limit)
            .await
            .during("create the roles")
    }

    async fn undo(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant();
        let mark = self.0.mark(tenant.id);
        role::drop_owned(cx.tx(), &tenant.role, &mark).await.during("drop the role")?;
        Ok(())
    }
}
