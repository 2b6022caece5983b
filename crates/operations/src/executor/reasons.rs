//! Why an item turns back, and what it comes to then.

use domain::{Code, ItemError, ItemState, Mode, codes};
use store::items::{Claim, RecordedError};

/// The end an item that turned back comes to: `failed` for a fault of its own; else
/// `rolled_back` when it was built, and `cancelled` when it was not.
pub(super) fn end_of(claim: &Claim) -> ItemState {
    let stopped = claim.error.as_ref().is_some_and(|error| {
        [codes::CANCELLED, codes::BATCH_DEADLINE, codes::BATCH_ROLLED_BACK]
            .iter()
            .any(|code| code.as_str() == error.code)
    });
    match (stopped, claim.mode) {
        (false, _) => ItemState::Failed,
        (true, Mode::Atomic) if !claim.checkpoints.is_empty() => ItemState::RolledBack,
        (true, _) => ItemState::Cancelled,
    }
}

/// Why the operation cannot be about a tenant in this state, if it cannot.
pub(crate) fn unfit(claim: &Claim) -> Option<ItemError> {
    let (kind, state) = (claim.kind, claim.tenant.state);
    if !(kind.makes_tenants() || kind.states().contains(&state)) {
        let message = format!("the tenant is {}", state.as_str());
        return Some(ItemError {
            retryable: false,
            ..own_error(codes::TENANT_NOT_ACTIVE, &message)
        });
    }
    (claim.tenant.drifted && claim.params["allow_drift"] != true).then(|| {
        let message = format!(
            "the last look found its schema other than its migrations make it: \
             `tenantry drift --schema {}` looks again; `--allow-drift` migrates it as it is",
            claim.tenant.schema
        );
        own_error(codes::SCHEMA_DRIFTED, &message)
    })
}

pub(super) fn cancelled(code: Code) -> ItemError {
    own_error(code, "the operation was ended before this tenant was done")
}

/// The tries are used up and the last of them left no result: what an earlier one met is likelier
/// to be the cause than anything else we know.
pub(super) fn exhausted(earlier: Option<&RecordedError>) -> ItemError {
    match earlier {
        Some(error) => ItemError {
            code: Code::from(error.code.clone()),
            message: format!("{}; the last try ended without a result", error.message),
            step: error.step.clone(),
            retryable: true,
        },
        None => own_error(
            codes::ATTEMPTS_EXHAUSTED,
            "every try ended without a result; the workers' logs say more",
        ),
    }
}

fn own_error(code: Code, message: &str) -> ItemError {
    ItemError { code, message: message.to_owned(), step: None, retryable: true }
}
