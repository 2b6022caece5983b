//! Rows of the registry as the bodies that callers read, and the two names under which an operation is
//! asked for.

pub(crate) mod api_key;
pub(crate) mod counts;
pub(crate) mod history;
pub(crate) mod item;
pub(crate) mod lines;
pub(crate) mod operation;
pub(crate) mod result_form;
pub(crate) mod waiting;

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use domain::{Kind, OperationId};
use engine::control::ControlError;
use serde::Serialize;
use store::operations;

use crate::{
    context::Context,
    http::{cursor::List, problem::Problem},
};

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

    /// The list of them, whose cursors no other list takes.
    pub(crate) fn list(self) -> List {
        match self {
            Self::Operations => List::Operations,
            Self::Batches => List::Batches,
        }
    }

    /// `body` with the fields that it has here: its own, or those of a `B`.
    pub(crate) fn spelt<B: Serialize>(self, body: impl Serialize + Into<B>) -> Response {
        match self {
            Self::Operations => Json(body).into_response(),
            Self::Batches => Json(body.into()).into_response(),
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
        let noun = self.noun();
        let detail = format!("there is no {noun} {id}, or it ended long ago and was deleted");
        Problem::new(StatusCode::NOT_FOUND, format!("{noun}_not_found"), detail)
    }

    /// Why an act was refused, in the words of this name.
    pub(crate) fn refused(self, error: ControlError) -> Problem {
        match self {
            Self::Operations => Problem::from(error).of_operation(),
            Self::Batches => error.into(),
        }
    }

    /// The kind of the operation, if it is found here.
    ///
    /// # Errors
    /// 404 when it is not.
    pub(crate) async fn check(self, cx: &Context, id: OperationId) -> Result<Kind, Problem> {
        let kind = operations::kind(&mut *cx.pool().acquire().await?, id).await?;
        let here = kind.filter(|kind| self.kind().is_none_or(|only| only == *kind));
        here.ok_or_else(|| self.not_found(id))
    }
}
