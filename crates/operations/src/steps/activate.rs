//! Makes the tenant visible: the last step, so that nobody ever sees half a tenant.

use domain::codes;
use engine::{During, GroupCx, Step, StepCx, StepError, StepName};
use sqlx::PgConnection;
use store::{items::Claim, tenants};

use crate::refusal::Refusal;

/// Turns the tenant from `pending` to `active` and records it in the audit log.
#[derive(Debug)]
pub struct Activate;

impl Activate {
    /// Whether all of the tenants were pending, and are active now.
    async fn activate(&self, claims: &[Claim], tx: &mut PgConnection) -> Result<bool, StepError> {
        let Some(first) = claims.first() else { return Ok(true) };
        let actor = format!("worker:{}", first.worker);
        let tenants: Vec<_> = claims
            .iter()
            .map(|claim| tenants::Activation {
                tenant: claim.tenant.id,
                operation: claim.operation,
                detail: serde_json::json!({ "item": claim.item, "attempt": claim.attempt }),
            })
            .collect();
        let activated =
            tenants::activate(tx, &tenants, &actor).await.during("activate the tenants")?;
        Ok(activated == claims.len() as u64)
    }
}

impl Step for Activate {
    const NAME: StepName = StepName::new("activate");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let claim = cx.claim();
        if self.activate(std::slice::from_ref(claim), cx.tx()).await? {
            return Ok(());
        }
        let tenant = claim.tenant.id;
        let state = tenants::state(cx.tx(), tenant).await.during("read the tenant's state")?;
        match state {
            Some(domain::TenantState::Active) => Ok(()),
            _ => Err(not_pending()).during("activate the tenant"),
        }
    }

    async fn apply_all(&self, cx: &mut GroupCx<'_>) -> Result<(), StepError> {
        let (claims, tx) = (cx.claims(), cx.tx());
        if self.activate(claims, tx).await? {
            Ok(())
        } else {
            Err(not_pending()).during("activate the tenants")
        }
    }

    async fn undo(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant().id;
        tenants::deactivate(cx.tx(), tenant).await.during("hide the tenant")
    }
}

/// The registry no longer holds a tenant's reservation.
fn not_pending() -> Refusal {
    Refusal::permanent(codes::INTERNAL, "the tenant is not waiting to be activated")
}
