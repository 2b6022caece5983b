//! Looks at what was made, before anybody else can.

use std::sync::Arc;

use domain::{Code, codes};
use engine::{Classify, During, GroupCx, Step, StepCx, StepError, StepName};
use store::ErrorClass;
use tenantdb::verify::{self, VerifyError};

use crate::Parts;

/// Checks the schema against what the migrations promise, the role's rights on its own tables,
/// and that the role is refused the control schema, the queue and another tenant's schema.
#[derive(Debug)]
pub struct Verify {
    pub parts: Arc<Parts>,
    /// Whether the tenants of a group got spares. Those were checked when they were built, and their fingerprints say
    /// that nobody has changed them since.
    pub adopted: bool,
}

impl Step for Verify {
    const NAME: StepName = StepName::new("verify");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let subjects = self.parts.subjects(std::slice::from_ref(cx.claim()));
        verify::verify(cx.tx(), &subjects[0], &self.parts.promise)
            .await
            .map_err(Refuted)
            .during("verify the tenant")
    }

    async fn apply_all(&self, cx: &mut GroupCx<'_>) -> Result<(), StepError> {
        let (claims, tx) = (cx.claims(), cx.tx());
        let parts = &self.parts;
        let subjects = parts.subjects(claims);
        let verified = if self.adopted {
            verify::verify_adopted(tx, &subjects).await
        } else {
            verify::verify_newcomers(tx, &subjects, &parts.promise).await
        };
        verified.map_err(Refuted).during("verify the tenants")
    }

    /// Nothing: looking leaves nothing.
    async fn undo(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
        Ok(())
    }
}

/// What was made is not what was promised, or could not be looked at.
#[derive(Debug, thiserror::Error)]
#[error("the tenant is not as it should be")]
pub(crate) struct Refuted(#[source] pub(crate) VerifyError);

impl Classify for Refuted {
    fn class(&self) -> ErrorClass {
        match &self.0 {
            VerifyError::Violated { .. } => ErrorClass::Permanent,
            VerifyError::Database(source) => source.class(),
        }
    }

    fn code(&self) -> Code {
        match &self.0 {
            VerifyError::Violated { .. } => codes::VERIFY_FAILED,
            VerifyError::Database(source) => source.code(),
        }
    }

    fn public_message(&self) -> Option<String> {
        matches!(self.0, VerifyError::Violated { .. }).then(|| self.0.to_string())
    }
}
