//! Draws docs/STATES.md from the legal moves and from what this table says of each.

use std::{collections::BTreeMap, fmt::Write as _};

/// Table, a state, the state that follows (`[*]`: the beginning), and why.
const WHY: &[(&str, &str, &str, &str)] = &[
    ("operation_items", "[*]", "queued", "accepted"),
    ("operation_items", "[*]", "planned", "accepted for a wave"),
    ("operation_items", "[*]", "failed", "invalid, or a name is taken"),
    ("operation_items", "planned", "queued", "its wave goes on to it"),
    ("operation_items", "planned", "cancelled", "cancel, or skipped"),
    ("operation_items", "queued", "running", "claimed"),
    ("operation_items", "queued", "waiting", "another item holds its tenant"),
    ("operation_items", "queued", "cancelled", "cancel, or the deadline"),
    ("operation_items", "waiting", "running", "claimed; the tenant is free"),
    ("operation_items", "waiting", "cancelled", "cancel, or the deadline"),
    ("operation_items", "running", "running", "taken over from a dead worker"),
    ("operation_items", "running", "succeeded", "the last stage's COMMIT"),
    ("operation_items", "running", "built", "the last stage's COMMIT, all or nothing"),
    ("operation_items", "running", "retrying", "transient error"),
    ("operation_items", "running", "unwinding", "permanent error, tries spent, or cancelled"),
    ("operation_items", "running", "stuck", "the same, past the point of no return"),
    ("operation_items", "built", "succeeded", "all of the operation are built"),
    ("operation_items", "built", "unwinding", "another one failed, or cancelled"),
    ("operation_items", "retrying", "running", "claimed again, after back-off"),
    ("operation_items", "retrying", "unwinding", "cancelled with a committed stage"),
    ("operation_items", "retrying", "cancelled", "cancel"),
    ("operation_items", "unwinding", "unwinding", "a try of the undo failed for a passing reason"),
    (
        "operation_items",
        "unwinding",
        "failed",
        "nothing is left; a kind that stays keeps what is committed",
    ),
    ("operation_items", "unwinding", "cancelled", "stopped before it was done"),
    ("operation_items", "unwinding", "rolled_back", "it was built, and nothing is left"),
    ("operation_items", "unwinding", "undo_failed", "an operator has to look"),
    ("operation_items", "undo_failed", "unwinding", "an operator saw to the cause"),
    ("operation_items", "undo_failed", "failed", "an operator removed what was left"),
    ("operation_items", "stuck", "retrying", "an operator saw to the cause"),
    ("operation_items", "stuck", "failed", "an operator gave it up"),
    ("operation_items", "failed", "queued", "retry"),
    ("operation_items", "failed", "planned", "retry, of a rollout"),
    ("operation_items", "failed", "cancelled", "skipped"),
    ("operation_items", "cancelled", "queued", "retry"),
    ("operation_items", "cancelled", "planned", "retry, of a rollout"),
    ("operation_items", "rolled_back", "queued", "retry"),
    ("operation_items", "rolled_back", "planned", "retry, of a rollout"),
    ("operations", "[*]", "queued", "accepted"),
    ("operations", "queued", "running", "the first item is claimed"),
    ("operations", "queued", "cancelling", "cancel"),
    ("operations", "queued", "rolling_back", "an item failed, all or nothing"),
    ("operations", "queued", "completed", "every item succeeded"),
    ("operations", "queued", "completed_with_failures", "some items succeeded"),
    ("operations", "queued", "failed", "no item succeeded"),
    ("operations", "queued", "cancelled", "stopped before the first item"),
    ("operations", "queued", "rolled_back", "an item was refused, all or nothing"),
    ("operations", "running", "cancelling", "cancel"),
    ("operations", "running", "rolling_back", "an item failed, all or nothing"),
    ("operations", "running", "completed", "every item succeeded"),
    ("operations", "running", "completed_with_failures", "some items succeeded"),
    ("operations", "running", "failed", "no item succeeded"),
    ("operations", "running", "cancelled", "stopped"),
    ("operations", "running", "rolled_back", "nothing is left"),
    ("operations", "cancelling", "completed", "every item had succeeded"),
    ("operations", "cancelling", "completed_with_failures", "some items had, others failed"),
    ("operations", "cancelling", "failed", "no item succeeded, none was cancelled"),
    ("operations", "cancelling", "cancelled", "all that had begun has ended"),
    ("operations", "cancelling", "rolled_back", "nothing is left"),
    ("operations", "rolling_back", "rolled_back", "nothing is left"),
    ("operations", "rolling_back", "cancelled", "cancelled meanwhile"),
    ("operations", "completed_with_failures", "queued", "retry"),
    ("operations", "completed_with_failures", "running", "an item is taken up again"),
    ("operations", "failed", "queued", "retry"),
    ("operations", "failed", "running", "an item is taken up again"),
    ("operations", "cancelled", "queued", "retry"),
    ("operations", "cancelled", "running", "an item is taken up again"),
    ("operations", "cancelled", "rolling_back", "the same, all or nothing"),
    ("operations", "rolled_back", "queued", "retry"),
    ("operations", "rolled_back", "rolling_back", "an undo is tried again"),
    ("tenants", "[*]", "pending", "names reserved"),
    ("tenants", "pending", "active", "activated: visible from this COMMIT on"),
    ("tenants", "pending", "released", "it came to nothing; its names are free"),
    ("tenants", "released", "pending", "retry"),
    ("tenants", "active", "pending", "an atomic operation is undone"),
    ("tenants", "active", "suspended", "suspend"),
    ("tenants", "active", "archived", "archive"),
    ("tenants", "active", "deleting", "delete"),
    ("tenants", "suspended", "active", "resume"),
    ("tenants", "suspended", "archived", "archive"),
    ("tenants", "suspended", "deleting", "delete"),
    ("tenants", "archived", "active", "restore"),
    ("tenants", "archived", "deleting", "delete"),
    ("tenants", "deleting", "deleted", "everything is dropped"),
    ("tenants", "deleting", "active", "undelete"),
    ("tenants", "deleting", "suspended", "undelete"),
    ("tenants", "deleting", "archived", "undelete"),
];

const HEAD: &str = "# States

Drawn by `tests/legal_moves.rs` from `may_become` of each type in `crates/domain`; do not edit. The test
also reads every UPDATE in the crates, and fails on a move that is not legal.
`UPDATE_DOCS=1 cargo test -p tests --test stories pictures` draws this page anew.
";

/// A heading, the table, its type and what else is to be known.
const PICTURES: &[(&str, &str, &str, &str)] = &[
    (
        "An item",
        "operation_items",
        "`ItemState`",
        "From its first claim to its end an item holds its tenant: no other item works on that meanwhile. \
         `planned`, `queued` and `waiting` hold nothing. `undo_failed` and `stuck` hold it until an operator has looked.",
    ),
    (
        "An operation",
        "operations",
        "`OperationState`",
        "*Paused* and *scheduled* are no states: they are shown beside `queued` and `running`.",
    ),
    ("A tenant", "tenants", "`TenantState`", "Only an `active` tenant resolves."),
];

/// The page; `legal` are the moves of `may_become`, as `table: from -> to`, those of a state to itself too.
///
/// # Errors
/// The legal moves of which the table says nothing, and those that are none.
pub(super) fn page(legal: &[String]) -> Result<String, Vec<String>> {
    let named =
        |(table, from, to, _): &(&str, &str, &str, &str)| format!("{table}: {from} -> {to}");
    let why: BTreeMap<String, _> = WHY.iter().map(|row| (named(row), row)).collect();
    let missing = legal.iter().filter(|it| !why.contains_key(*it)).cloned();
    let none = WHY.iter().filter(|row| row.1 != "[*]").map(named).filter(|it| !legal.contains(it));
    let wrong: Vec<String> = missing.chain(none).collect();
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let mut page = HEAD.to_owned();
    for (heading, table, of, more) in PICTURES {
        let _ = write!(page, "\n## {heading}\n\n{of}. {more}\n\n```mermaid\nstateDiagram-v2\n");
        for (_, from, to, why) in WHY.iter().filter(|row| row.0 == *table) {
            let _ = writeln!(page, "    {from} --> {to}: {why}");
        }
        page.push_str("```\n");
    }
    Ok(page)
}
