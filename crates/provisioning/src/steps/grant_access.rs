//! Gives the tenant's role its rights on its own schema, and on nothing else.

use saga::{During, Step, StepCx, StepError, StepName};
use tenantdb::grants;

/// Grants the role the use of what lies in the schema, by name, and of what later migrations
/// will put there, by default privileges.
#[derive(Debug)]
pub struct GrantAccess;

impl Step for GrantAccess {
    const NAME: StepName = StepName::new("grant_access");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant();
        grants::grant(cx.tx(), &tenant.schema, &tenant.role).await.during("grant access")
    }

    async fn undo(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant();
        grants::revoke(cx.tx(), &tenant.schema, &tenant.role).await.during("revoke access")
    }
}
