//! Gives the tenant what was built in advance, in place of building it: role, schema, migrations and
//! grants are there already and get the tenant's names.
//!
//! The spare leaves the pool in the stage's own transaction: rolled back, it is in the pool again,
//! under its old names.

use std::sync::Arc;

use domain::codes;
use engine::{During, GroupCx, Step, StepCx, StepError, StepName};
use store::{ErrorClass, spares};
use tenantdb::{ledger, newcomers, role, schema};

use crate::{Parts, refusal::Refusal};

/// Takes a spare out of the pool, and makes it the tenant's own.
#[derive(Debug)]
pub struct TakeSpare(pub Arc<Parts>);

impl Step for TakeSpare {
    const NAME: StepName = StepName::new("take_spare");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant();
        let mark = self.0.mark(tenant.id);
        let owner = schema::owner(cx.tx(), &tenant.schema).await.during("look for the schema")?;
        if owner.is(&mark) {
            return Ok(());
        }
        cx.as_group(self).await
    }

    async fn apply_all(&self, cx: &mut GroupCx<'_>) -> Result<(), StepError> {
        let (claims, tx) = (cx.claims(), cx.tx());
        let parts = &self.0;
        if let Some(application) = &parts.application {
            application.check_fit(tx).await?;
        }
        let ids: Vec<_> = claims.iter().map(|claim| claim.tenant.id).collect();
        let taken = spares::take(tx, parts.stamp(), &ids, &parts.place()).await;
        let spares = taken.during("take spares")?;
        if spares.len() < claims.len() {
            // Others were quicker.
            return Err(in_vain("there are too few spares")).during("take spares");
        }
        let ids = spares.iter().map(|spare| spare.id);
        let adoptions: Vec<_> = ids.zip(parts.subjects(claims)).collect();
        let adopted = newcomers::adopt(tx, &parts.installation, &adoptions).await;
        let found = adopted.during("adopt the spares")?;
        if spares.iter().map(|spare| &spare.fingerprint).eq(&found) {
            return Ok(());
        }
        // The keeper drops it.
        Err(in_vain("a spare was changed since it was built")).during("adopt the spares")
    }

    /// The tenant's by now: it goes as one that was built for it.
    async fn undo(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant();
        let mark = self.0.mark(tenant.id);
        schema::drop_owned(cx.tx(), &tenant.schema, &mark).await.during("drop the schema")?;
        role::drop_owned(cx.tx(), &tenant.role, &mark).await.during("drop the role")?;
        ledger::forget(cx.tx(), tenant.id).await.during("forget its migrations")?;
        Ok(())
    }
}

/// These tenants are built then.
fn in_vain(why: &str) -> Refusal {
    Refusal { class: ErrorClass::Transient, ..Refusal::permanent(codes::INTERNAL, why) }
}
