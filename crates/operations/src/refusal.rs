//! What a step refuses by itself.

use domain::{Code, codes};
use engine::Classify;
use store::ErrorClass;

#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub(crate) struct Refusal {
    pub(crate) class: ErrorClass,
    pub(crate) code: Code,
    pub(crate) why: String,
    /// What the caller is told of it.
    pub(crate) told: Option<String>,
}

impl Refusal {
    /// One that no other try changes: a person has to look.
    pub(crate) fn permanent(code: Code, why: impl Into<String>) -> Self {
        Self { class: ErrorClass::Permanent, code, why: why.into(), told: None }
    }

    /// The same, and the caller is told why.
    pub(crate) fn told(code: Code, why: impl Into<String>) -> Self {
        let why = why.into();
        Self::permanent(code, why.clone()).telling(why)
    }

    /// The same, and the caller is told this.
    pub(crate) fn telling(self, told: impl Into<String>) -> Self {
        Self { told: Some(told.into()), ..self }
    }
}

/// A later request won.
pub(crate) fn superseded() -> Refusal {
    Refusal::told(codes::SUPERSEDED, "a later request has asked for the opposite of this tenant")
}

pub(crate) fn in_another_state() -> Refusal {
    Refusal::told(codes::TENANT_NOT_ACTIVE, "the tenant is neither active nor suspended any more")
}

impl Classify for Refusal {
    fn class(&self) -> ErrorClass {
        self.class
    }

    fn code(&self) -> Code {
        self.code.clone()
    }

    fn public_message(&self) -> Option<String> {
        self.told.clone()
    }
}
