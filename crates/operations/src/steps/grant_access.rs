//! Gives the tenant's role its rights on its own schema, and on nothing else.

use std::sync::Arc;

use engine::{During, GroupCx, Step, StepCx, StepError, StepName};
use tenantdb::{grants, newcomers};

use crate::Parts;

/// Grants the role the use of what lies in the schema, by name, and of what later migrations
/// will put there, by default privileges. Makes the application's role a member of it, if there is one.
#[derive(Debug)]
pub struct GrantAccess {
    parts: Arc<Parts>,
}

impl GrantAccess {
    /// The step, for the objects that the migrations of `parts` promise.
    #[must_use]
    pub fn new(parts: &Arc<Parts>) -> Self {
        Self { parts: Arc::clone(parts) }
    }
}

impl Step for GrantAccess {
    const NAME: StepName = StepName::new("grant_access");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant();
        if let Some(application) = &self.parts.application {
            application.join(cx.tx(), &tenant.role).await?;
        }
        grants::grant(cx.tx(), &tenant.schema, &tenant.role, &self.parts.promise)
            .await
            .during("grant access")
    }

    async fn apply_all(&self, cx: &mut GroupCx<'_>) -> Result<(), StepError> {
        let (claims, tx) = (cx.claims(), cx.tx());
        if let Some(application) = &self.parts.application {
            application.make_room(tx, claims.len()).await?;
        }
        newcomers::grant(tx, &self.parts.newcomers(claims), &self.parts.promise)
            .await
            .during("grant access")
    }

    async fn undo(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant();
        if let Some(application) = &self.parts.application {
            application.leave(cx.tx(), &tenant.role).await?;
        }
        grants::revoke(cx.tx(), &tenant.schema, &tenant.role).await.during("revoke access")
    }
}
