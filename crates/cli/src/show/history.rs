//! The audit log and a tenant's history as tables.

use contract::{AuditEntry, HistoryAttempt, HistoryEntry, HistoryKey, HistoryOperation};

use super::{DASH, Table, operation::error_text, or_dash, short_time};

pub(crate) fn audit_table(entries: &[AuditEntry]) -> Table {
    let mut table =
        Table::new(&["=time", "=action", "=actor", ">tenant", "??=operation", "?detail"]);
    for it in entries {
        table.row([
            short_time(Some(it.at)),
            it.action.clone(),
            actor(it),
            or_dash(it.tenant_id),
            or_dash(it.operation_id),
            detail(it),
        ]);
    }
    table
}

fn actor(it: &AuditEntry) -> String {
    let whom = it.on_behalf_of.as_ref().map(|whom| format!(" for {whom}"));
    format!("{}{}", it.actor, whom.unwrap_or_default())
}

fn detail(it: &AuditEntry) -> String {
    let personal = it.personal.as_ref().map(|personal| format!(" {personal}"));
    format!("{}{}", it.detail, personal.unwrap_or_default())
}

pub(crate) fn history_table(entries: &[HistoryEntry]) -> Table {
    let mut table = Table::new(&["=time", "=what", "?=operation", "detail"]);
    for it in entries {
        let (what, operation_id, detail) = match it {
            HistoryEntry { operation: Some(it), .. } => {
                ("operation", Some(it.operation_id), operation(it))
            }
            HistoryEntry { attempt: Some(it), .. } => {
                ("failed try", Some(it.operation_id), attempt(it))
            }
            HistoryEntry { key: Some(it), .. } => ("API key", it.operation_id, key(it)),
            HistoryEntry { audit: Some(it), .. } => {
                ("audit", it.operation_id, format!("{} by {}", it.action, actor(it)))
            }
            // Of a newer API.
            _ => (DASH, None, DASH.to_owned()),
        };
        let at = short_time(Some(it.at));
        table.row([at, what.to_owned(), or_dash(operation_id), detail]);
    }
    table
}

fn operation(it: &HistoryOperation) -> String {
    let by = it.submitted_by.as_ref().map(|name| format!(", submitted by {name}"));
    let error = it.error.as_ref().map(|error| format!(": {}", error_text(error)));
    let (by, error) = (by.unwrap_or_default(), error.unwrap_or_default());
    format!("{}, {}{by}{error}", it.kind, it.status)
}

fn attempt(HistoryAttempt { attempt: it, .. }: &HistoryAttempt) -> String {
    let step = it.step.as_ref().unwrap_or(&it.stage);
    let undo = if it.undo { "undo of " } else { "" };
    format!("try {} of {}: {undo}{step}: {}: {}", it.attempt, it.worker, it.code, it.message)
}

fn key(it: &HistoryKey) -> String {
    let revoked = it.revoked_at.map(|at| format!(", revoked {}", short_time(Some(at))));
    let expires = it.expires_at.map(|at| format!(", expires {}", short_time(Some(at))));
    let (revoked, expires) = (revoked.unwrap_or_default(), expires.unwrap_or_default());
    format!("{}…{}{expires}{revoked}", it.prefix, it.last4)
}
