//! Looks at what was made, before anybody else can.

use std::sync::Arc;

use domain::{Code, codes};
use saga::{Classify, During, Step, StepCx, StepError, StepName};
use store::ErrorClass;
use tenantdb::verify::{self, Expectation, VerifyError};

use crate::Parts;

/// Checks the schema against what the migrations promise, the role's rights on its own tables,
/// and that the role is refused the control schema, the queue and another tenant's schema.
#[derive(Debug)]
pub struct Verify {
    parts: Arc<Parts>,
}

impl Verify {
    /// The step, with the promise of `parts`.
    #[must_use]
    pub fn new(parts: &Arc<Parts>) -> Self {
        Self { parts: Arc::clone(parts) }
    }
}

impl Step for Verify {
    const NAME: StepName = StepName::new("verify");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant();
        let neighbour =
            store::tenants::neighbour(cx.tx(), tenant.id).await.during("choose a neighbour")?;
        let mark = self.parts.mark(tenant.id);
        let expectation = Expectation {
            mark: &mark,
            migrations: &self.parts.migrations,
            promise: &self.parts.promise,
            neighbour: neighbour.as_ref(),
        };
        verify::verify(cx.tx(), &tenant.schema, &tenant.role, &expectation)
            .await
            .map_err(Refuted)
            .during("verify the tenant")
    }

    /// Nothing: looking leaves nothing.
    async fn undo(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
        Ok(())
    }
}

/// What was made is not what was promised, or could not be looked at.
#[derive(Debug, thiserror::Error)]
#[error("the tenant is not as it should be")]
struct Refuted(#[source] VerifyError);

impl Classify for Refuted {
    fn class(&self) -> ErrorClass {
        self.0.database_error().map_or(ErrorClass::Permanent, store::classify)
    }

    fn code(&self) -> Code {
        match self.0.database_error() {
            Some(error) => error.code(),
            None => codes::VERIFY_FAILED,
        }
    }

    fn public_message(&self) -> Option<String> {
        self.0.database_error().is_none().then(|| self.0.to_string())
    }
}
