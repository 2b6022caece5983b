//! Gives the tenant what was built in advance, in place of building it: role, schema, migrations and
//! grants are there already and get the tenant's names.
//!
//! The spare leaves the pool in the stage's own transaction: rolled back, it is in the pool again,
//! under its old names.

use std::sync::Arc;

use domain::{Code, codes};
use engine::{Classify, During, GroupCx, Step, StepCx, StepError, StepName};
use store::{ErrorClass, spares};
use tenantdb::{
    adoption::{self, Adoption},
    ledger, role, schema,
};

use crate::Parts;

/// Takes a spare out of the pool, and makes it the tenant's own.
#[derive(Debug)]
pub struct TakeSpare {
    parts: Arc<Parts>,
}

impl TakeSpare {
    /// The step, for spares that were built by `parts`.
    #[must_use]
    pub fn new(parts: &Arc<Parts>) -> Self {
        Self { parts: Arc::clone(parts) }
    }
}

impl Step for TakeSpare {
    const NAME: StepName = StepName::new("take_spare");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant();
        let mark = self.parts.mark(tenant.id);
        let owner = schema::owner(cx.tx(), &tenant.schema).await.during("look for the schema")?;
        if owner.is(&mark) {
            return Ok(());
        }
        let claim = cx.claim();
        self.apply_all(&mut GroupCx::new(std::slice::from_ref(claim), cx.tx())).await
    }

    async fn apply_all(&self, cx: &mut GroupCx<'_>) -> Result<(), StepError> {
        let (claims, tx) = (cx.claims(), cx.tx());
        let parts = &self.parts;
        if let Some(application) = &parts.application {
            application.check_fit(tx).await?;
        }
        let ids: Vec<_> = claims.iter().map(|claim| claim.tenant.id).collect();
        let taken = spares::take(tx, parts.stamp(), &ids, &parts.place()).await;
        let spares = taken.during("take spares")?;
        if spares.len() < claims.len() {
            return Err(TooFew).during("take spares");
        }
        let tenants = parts.newcomers(claims);
        let adoptions: Vec<_> = spares
            .iter()
            .zip(tenants)
            .map(|(spare, tenant)| Adoption { spare: spare.id, tenant })
            .collect();
        let path = parts.migrations.path();
        let adopted = adoption::adopt(tx, &parts.installation, &adoptions, path).await;
        let found = adopted.during("adopt the spares")?;
        let same = spares.iter().map(|spare| &spare.fingerprint).eq(&found);
        if same { Ok(()) } else { Err(Changed).during("adopt the spares") }
    }

    /// The tenant's by now: it goes as one that was built for it.
    async fn undo(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant();
        let mark = self.parts.mark(tenant.id);
        schema::drop_owned(cx.tx(), &tenant.schema, &mark).await.during("drop the schema")?;
        role::drop_owned(cx.tx(), &tenant.role, &mark).await.during("drop the role")?;
        ledger::forget(cx.tx(), tenant.id).await.during("forget its migrations")?;
        Ok(())
    }
}

/// The pool has fewer spares than are needed: others were quicker.
#[derive(Debug, thiserror::Error)]
#[error("there are too few spares")]
struct TooFew;

/// A spare is not what was built: the keeper drops it, and these tenants are built.
#[derive(Debug, thiserror::Error)]
#[error("a spare was changed since it was built")]
struct Changed;

macro_rules! transient {
    ($($error:ty),*) => {$(
        impl Classify for $error {
            fn class(&self) -> ErrorClass {
                ErrorClass::Transient
            }

            fn code(&self) -> Code {
                codes::INTERNAL
            }
        }
    )*};
}
transient!(TooFew, Changed);
