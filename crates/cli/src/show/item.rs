//! One item as a person reads it: where it stands and why, then its steps and its tries.

use contract::Item;

use super::{Record, Table, domain, operation::error_text, or_dash, short_time, waits};

pub(crate) fn item(it: &Item) {
    record(it).print();
    if !it.item.steps.is_empty() {
        let mut table = Table::new(&["step", "=state", ">ms"]);
        for step in &it.item.steps {
            table.row([step.name.clone(), step.state.clone(), format!("{:.1}", step.duration_ms)]);
        }
        table.print();
    }
    if !it.failed_attempts.is_empty() {
        attempts(it).print();
    }
    waits(it.waiting_for.as_ref());
}

fn record(it: &Item) -> Record {
    let mut record = Record::default();
    record.field("operation", format!("{} ({})", it.operation_id, it.kind));
    record.field("item", it.item.index.to_string());
    record.field("status", it.item.status.to_string());
    record.field("tenant", or_dash(it.item.tenant_name.as_ref()));
    if let Some(id) = it.item.tenant_id {
        record.field("tenant id", id.to_string());
    }
    record.field("schema", or_dash(it.item.schema_name.as_ref()));
    record.field("domain", or_dash(it.item.domain.as_deref().map(domain)));
    if let Some(error) = &it.item.error {
        record.field("error", error_text(error));
        if let Some(step) = &error.step {
            record.field("failed in", step);
        }
    }
    if let Some(result) = &it.item.result {
        record.field("result", result.to_string());
    }
    record.field("created", short_time(Some(it.created_at)));
    for (name, time) in
        [("started", it.started_at), ("finished", it.finished_at), ("next try", it.next_attempt_at)]
    {
        if time.is_some() {
            record.field(name, short_time(time));
        }
    }
    record.field("times taken", it.item.attempts.to_string());
    if let Some(by) = &it.held_by {
        record.field("held by", format!("item {} of {} ({})", by.index, by.operation_id, by.kind));
    }
    record
}

fn attempts(it: &Item) -> Table {
    let mut table = Table::new(&[">try", "=failed", "?worker", "=step", "error"]);
    for attempt in &it.failed_attempts {
        let step = attempt.step.as_ref().unwrap_or(&attempt.stage);
        table.row([
            attempt.attempt.to_string(),
            short_time(Some(attempt.failed_at)),
            attempt.worker.clone(),
            if attempt.undo { format!("undo of {step}") } else { step.clone() },
            format!("{}: {}", attempt.code, attempt.message),
        ]);
    }
    table
}
