//! Gives the tenant's role its rights on its own schema, and on nothing else.

use std::sync::Arc;

use engine::{During, GroupCx, Step, StepCx, StepError, StepName};
use tenantdb::{grants, newcomers};

use crate::Parts;

/// Grants the role the use of what lies in the schema, by name, and of what later migrations
/// will put there, by default privileges. Makes the application's role a member of it, if there is one.
#[derive(Debug)]
pub struct GrantAccess(pub Arc<Parts>);

impl Step for GrantAccess {
    const NAME: StepName = StepName::new("grant_access");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant();
        if let Some(application) = &self.0.application {
            application.join(cx.tx(), &tenant.role).await?;
        }
        grants::grant(cx.tx(), &tenant.schema, &tenant.role, &self.0.promise)
            .await
            .during("grant access")
    }

    async fn apply_all(&self, cx: &mut GroupCx<'_>) -> Result<(), StepError> {
        let (claims, tx) = (cx.claims(), cx.tx());
        if let Some(application) = &self.0.application {
            application.make_room(tx, claims.len()).await?;
        }
        newcomers::grant(tx, &self.0.subjects(claims), &self.0.promise).await.during("grant access")
    }

    async fn undo(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant();
        if let Some(application) = &self.0.application {
            application.leave(cx.tx(), &tenant.role).await?;
        }
        grants::revoke(cx.tx(), &tenant.schema, &tenant.role).await.during("revoke access")
    }
}
