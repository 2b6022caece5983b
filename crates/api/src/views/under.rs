//! The two names under which an operation is asked for.

use domain::{Kind, OperationId};
use engine::control::ControlError;
use store::operations;

use crate::{context::Context, http::problem::Problem};

/// Where a caller asks for an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Under {
    /// Any kind, below `/operations`.
    Operations,
    /// Of kind `provision` alone, below `/batches`.
    Batches,
}

impl Under {
    /// The kind of those that are found here; `None`: any.
    pub(crate) fn kind(self) -> Option<Kind> {
        match self {
            Self::Operations => None,
            Self::Batches => Some(Kind::Provision),
        }
    }

    /// What one is called here, in paths, codes and sentences.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Operations => "operation",
            Self::Batches => "batch",
        }
    }

    /// Where one is found by callers, below `public_path`.
    pub(crate) fn path(self, public_path: &str, id: OperationId) -> String {
        let list = match self {
            Self::Operations => "operations",
            Self::Batches => "batches",
        };
        format!("{public_path}/api/v1/{list}/{id}")
    }

    /// The problem, 404, for an id that is not found under this name.
    pub(crate) fn not_found(self, id: OperationId) -> Problem {
        match self {
            Self::Operations => Problem::operation_not_found(id),
            Self::Batches => Problem::batch_not_found(id),
        }
    }

    /// Why an act was refused, in the words of this name.
    pub(crate) fn refused(self, error: ControlError) -> Problem {
        match self {
            Self::Operations => Problem::from(error).of_operation(),
            Self::Batches => error.into(),
        }
    }

    /// Whether the operation is found here.
    ///
    /// # Errors
    /// 404 when it is not.
    pub(crate) async fn check(self, cx: &Context, id: OperationId) -> Result<(), Problem> {
        let kind = operations::kind(&mut *cx.pool().acquire().await?, id).await?;
        let here = kind.is_some_and(|kind| self.kind().is_none_or(|only| only == kind));
        if here { Ok(()) } else { Err(self.not_found(id)) }
    }
}
