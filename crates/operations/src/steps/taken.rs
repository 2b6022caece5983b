//! A name is in use by something this tenant's provisioning did not make.

use domain::{Code, codes};
use engine::Classify;
use store::ErrorClass;

/// The schema exists and is not ours. Never adopted, never dropped.
#[derive(Debug, thiserror::Error)]
#[error("schema {0} exists and belongs to somebody else")]
pub(super) struct SchemaTaken(pub(super) String);

impl Classify for SchemaTaken {
    fn class(&self) -> ErrorClass {
        // A person has to look: trying again cannot change the owner.
        ErrorClass::Permanent
    }

    fn code(&self) -> Code {
        codes::SCHEMA_TAKEN
    }

    fn public_message(&self) -> Option<String> {
        Some(format!("the schema {} exists already and is not this tenant's", self.0))
    }
}

/// The role exists and is not ours.
#[derive(Debug, thiserror::Error)]
#[error("role {0} exists and belongs to somebody else")]
pub(super) struct RoleTaken(pub(super) String);

impl Classify for RoleTaken {
    fn class(&self) -> ErrorClass {
        ErrorClass::Permanent
    }

    fn code(&self) -> Code {
        codes::ROLE_TAKEN
    }

    fn public_message(&self) -> Option<String> {
        Some(format!("the role {} exists already and is not this tenant's", self.0))
    }
}
