//! Bodies of the HTTP API: what callers send, and what they are answered.
//!
//! The server writes the answers, and clients read them with the same types. A client may face a
//! server of another release. So a reader ignores fields that it does not know, keeps a state that
//! it does not know as the word it is ([`OpenEnum`]), and every field that an answer gains later is
//! an `Option`.

#![warn(missing_docs, clippy::missing_errors_doc)]

mod audit;
mod check;
mod imports;
mod item;
mod keys;
mod open_enum;
mod operation;
mod problem;
mod queue;
mod result_form;
mod rollout;
mod submission;
mod tenant;

pub use audit::{
    AuditEntry, AuditPage, HistoryAttempt, HistoryEntry, HistoryKey, HistoryOperation, HistoryPage,
};
pub use check::{
    CheckReason, DriftedObject, Finding, FindingPage, FindingSubject, TenantCheck,
    TenantHealthPage, TenantHealthReport, TenantHealthSummary,
};
pub use imports::{ImportRequest, ImportsRequest};
pub use item::{
    FailedAttempt, FailureGroup, HeldBy, Item, ItemError, ItemPage, ItemResult, Resolution,
    ResultPage, Step,
};
pub use keys::{
    Acknowledged, ApiKey, IssueKey, IssuedKey, KeyPage, KeyStatus, OperationAcknowledged,
    RevealedKey, RevealedKeys, TenantAcknowledged, UnreadableKey, VerifiedKey, VerifyKey,
};
pub use open_enum::OpenEnum;
pub use operation::{
    Batch, BatchError, BatchPage, BatchProgress, BatchSummary, Links, Operation, OperationLinks,
    OperationPage, OperationStatus, OperationSummary, SummaryStatus, WaitingFor,
};
pub use problem::{FieldProblem, Problem};
pub use queue::{Health, Queue, Worker};
pub use result_form::{
    OriginalForm, OriginalResult, OriginalTenant, Outcome, ResultForm, Summary, TenantResult,
};
pub use rollout::{
    OperationPolicy, PlannedWave, Promotion, Rollout, RolloutFailure, RolloutPage, RolloutSummary,
    Skip, Wave,
};
pub use submission::{
    BatchRequest, DryRun, DryRunRow, MigrateParams, NoOperation, NothingToDo, OperationParams,
    OperationRequest, SampledTenant, Selection, TenantPatch, TenantRequest, TenantUpdate,
    UpdateParams,
};
pub use tenant::{
    CreatedTenant, Deletion, EraseReport, Erased, Hold, HoldRequest, Remainder, SchemaStatus,
    Suspension, Tenant, TenantPage, TenantStatus,
};
