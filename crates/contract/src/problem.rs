//! The body of every error.

use std::borrow::Cow;

use domain::{FieldError, OperationId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Suspension;

/// The body of an error (RFC 9457).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Identifies the kind of problem: `urn:tenantry:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:tenantry:problem:batch_not_found")]
    pub kind: String,
    /// The status in words.
    #[schema(example = "Not Found")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// Stable name of the problem. Programs branch on it.
    #[schema(example = "batch_not_found")]
    pub code: Cow<'static, str>,
    /// What happened this time, for people.
    pub detail: String,
    /// What is wrong with which field of the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
    /// The batch the request became all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<OperationId>,
    /// Why and until when the tenant is suspended, with the code `tenant_suspended`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspension: Option<Suspension>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldProblem {
    /// Where: a JSON pointer (RFC 6901) into the body, or the name of a query parameter.
    #[schema(example = "/domain")]
    pub pointer: String,
    /// Stable name of what is wrong.
    #[schema(example = "invalid_domain")]
    pub code: Cow<'static, str>,
    /// What is wrong, for people.
    pub message: String,
}

impl From<&FieldError> for FieldProblem {
    fn from(e: &FieldError) -> Self {
        Self { pointer: e.pointer.clone(), code: e.code.into(), message: e.message.clone() }
    }
}
