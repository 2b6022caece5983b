//! Makes the tenant visible: the last step, so that nobody ever sees half a tenant.

use std::sync::Arc;

use domain::{Code, TenantId, codes};
use saga::{Classify, During, Step, StepCx, StepError, StepName};
use store::{ErrorClass, tenants};

use crate::Parts;

/// Turns the tenant from `pending` to `active` and records it in the audit log.
#[derive(Debug)]
pub struct Activate {
    parts: Arc<Parts>,
}

impl Activate {
    /// The step; a tenant is activated at the newest migration of `parts`.
    #[must_use]
    pub fn new(parts: &Arc<Parts>) -> Self {
        Self { parts: Arc::clone(parts) }
    }
}

impl Step for Activate {
    const NAME: StepName = StepName::new("activate");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let (tenant, claim) = (cx.tenant().id, cx.claim());
        let version = Some(self.parts.migrations.head());
        let actor = format!("worker:{}", claim.worker);
        let detail = serde_json::json!({ "item": claim.item, "attempt": claim.attempt });
        let by = tenants::Activation { actor: &actor, batch: claim.batch, detail };
        if tenants::activate(cx.tx(), tenant, version, by).await.during("activate the tenant")? {
            return Ok(());
        }
        let state = tenants::state(cx.tx(), tenant).await.during("read the tenant's state")?;
        match state {
            Some(domain::TenantState::Active) => Ok(()),
            _ => Err(NotPending(tenant)).during("activate the tenant"),
        }
    }

    async fn undo(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant().id;
        tenants::deactivate(cx.tx(), tenant).await.during("hide the tenant")
    }
}

/// The registry no longer holds the tenant's reservation.
#[derive(Debug, thiserror::Error)]
#[error("tenant {0} is not waiting to be activated")]
struct NotPending(TenantId);

impl Classify for NotPending {
    fn class(&self) -> ErrorClass {
        ErrorClass::Permanent
    }

    fn code(&self) -> Code {
        codes::INTERNAL
    }
}
