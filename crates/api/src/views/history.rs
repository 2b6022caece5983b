//! The audit log and a tenant's history, as callers see them.

use contract::{AuditEntry, HistoryAttempt, HistoryEntry, HistoryKey, HistoryOperation};
use store::{
    audit::Recorded,
    history::{Entry, Item, Key, Position},
};

use super::item::{error, failed_attempt};

pub(crate) fn audit_entry(it: Recorded) -> AuditEntry {
    AuditEntry {
        id: it.place.id,
        at: it.place.at,
        actor: it.actor,
        action: it.action,
        tenant_id: it.tenant,
        operation_id: it.operation,
        role: it.role,
        on_behalf_of: it.on_behalf_of,
        request_id: it.request_id,
        address: it.address,
        detail: it.detail,
        personal: it.personal,
    }
}

pub(crate) fn entry((position, entry): (Position, Entry)) -> HistoryEntry {
    let at = position.at();
    let mut told = HistoryEntry { at, operation: None, attempt: None, key: None, audit: None };
    match entry {
        Entry::Operation(it) => told.operation = Some(operation(it)),
        Entry::Attempt(operation_id, index, attempt) => {
            let attempt = failed_attempt(attempt);
            told.attempt = Some(HistoryAttempt { operation_id, index, attempt });
        }
        Entry::Key(it) => told.key = Some(key(it)),
        Entry::Audit(it) => told.audit = Some(audit_entry(it)),
    }
    told
}

fn operation(it: Item) -> HistoryOperation {
    HistoryOperation {
        operation_id: it.operation,
        kind: it.kind.into(),
        index: it.index,
        status: it.state.into(),
        submitted_by: it.submitted_by,
        attempts: it.attempts,
        error: it.error.as_ref().map(error),
        started_at: it.started_at,
        finished_at: it.finished_at,
    }
}

fn key(it: Key) -> HistoryKey {
    HistoryKey {
        operation_id: it.operation,
        prefix: it.prefix,
        last4: it.last4,
        expires_at: it.expires_at,
        revoked_at: it.revoked_at,
    }
}
