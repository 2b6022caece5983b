//! What a migration of tenants came to.

use std::collections::BTreeMap;

use domain::{ItemState, OperationId};
use serde_json::json;
use store::{
    Connections,
    items::{self, ItemResult},
    operations::{self, Operation},
};
use tenantdb::migrations::Moved;

use super::status::version;
use crate::{
    failure::Done,
    show::{self, Table},
};

/// Up to so many tenants, each has its row; of more, those that failed.
const SHOWN: usize = 40;

/// Up to so many versions of one tenant are named each, and so many tenants of one failure.
const NAMED: usize = 5;

const PAGE: i64 = 1_000;

/// What a worker recorded of one tenant.
fn moved_of(item: &ItemResult) -> Option<Moved> {
    let result = item.result.clone().filter(|_| item.state == ItemState::Succeeded)?;
    serde_json::from_value(result).ok()
}

fn is_changed(moved: &Moved) -> bool {
    moved.path_changed || !(moved.applied.is_empty() && moved.reverted.is_empty())
}

pub(super) fn nothing(json: bool, up_to_date: u64) -> Done {
    let told = json!({ "operation_id": null, "up_to_date": up_to_date, "tenants": [] });
    show::result(json, &told, || {
        show::line(format!("{up_to_date} tenants: 0 migrated, {up_to_date} up to date, 0 failed"));
    });
    Done::Well
}

/// The operation is left to the workers.
pub(super) fn submitted(json: bool, id: OperationId) -> Done {
    show::result(json, &json!({ "operation_id": id }), || {
        show::line(format!("operation {id} is submitted: `tenantry operation watch {id}`"));
    });
    Done::Well
}

/// Prints a table, failures that are equal as one, and a summary.
pub(super) async fn tell(
    json: bool,
    pool: &Connections,
    id: OperationId,
    up_to_date: u64,
) -> anyhow::Result<Done> {
    let (operation, items) = read(pool, id).await?;
    let succeeded = items.iter().filter(|item| item.state == ItemState::Succeeded).count();
    let moved = items.iter().filter_map(moved_of).filter(is_changed).count();
    let done = Done::well_if(succeeded == items.len());
    if json {
        let tenants: Vec<_> = items.iter().map(json_row).collect();
        let told = json!({ "operation_id": id, "state": operation.map(|it| it.state),
            "up_to_date": up_to_date, "tenants": tenants });
        show::raw(&told.to_string());
        return Ok(done);
    }
    let failed: Vec<&ItemResult> = items.iter().filter(|item| item.error.is_some()).collect();
    if items.len() <= SHOWN {
        let mut table = Table::new(&[">id", "schema", ">from", ">to", "result"]);
        items.iter().for_each(|item| table.row(row(item)));
        table.print();
    } else if !failed.is_empty() {
        groups(&failed).print();
    }
    let all = items.len() as u64 + up_to_date;
    let current = (succeeded - moved) as u64 + up_to_date;
    let left = items.len() - succeeded - failed.len();
    let left = if left > 0 { format!(", {left} not done yet") } else { String::new() };
    let took = operation.as_ref().map_or(0, |it| it.elapsed_ms.unsigned_abs());
    show::line(format!(
        "{all} tenants: {moved} migrated, {current} up to date, {} failed{left}, in {}",
        failed.len(),
        show::duration(std::time::Duration::from_millis(took)),
    ));
    if !failed.is_empty() {
        show::note(format!(
            "A failed tenant keeps what was committed before it failed: of one transaction, nothing. \
             Correct the cause and run it again; each try: `tenantry item show {id} INDEX`"
        ));
    }
    Ok(done)
}

async fn read(
    pool: &Connections,
    id: OperationId,
) -> sqlx::Result<(Option<Operation>, Vec<ItemResult>)> {
    let mut conn = pool.acquire().await?;
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = items::results(&mut conn, id, None, None, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.index);
        all.extend(page);
    }
    Ok((operations::find(&mut conn, id).await?, all))
}

fn groups(failed: &[&ItemResult]) -> Table {
    let mut groups: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for item in failed {
        let Some(error) = &item.error else { continue };
        let schema = item.schema_name.as_deref().unwrap_or_default();
        let key = (error.code.as_str(), error.step.as_deref(), error.message.as_str());
        groups.entry(key).or_default().push(schema);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, schemas)| std::cmp::Reverse(schemas.len()));
    let mut table = Table::new(&[">tenants", "code", "error", "for example"]);
    for ((code, _, message), schemas) in groups {
        let named = schemas.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
        table.row([schemas.len().to_string(), code.to_owned(), message.to_owned(), named]);
    }
    table
}

fn row(item: &ItemResult) -> [String; 5] {
    let id = item.tenant_id.map(|id| id.to_string()).unwrap_or_default();
    let schema = item.schema_name.clone().unwrap_or_default();
    let (from, to, result) = match (moved_of(item), &item.error) {
        (Some(moved), _) => {
            let [from, to] = [&moved.from, &moved.to].map(|it| version(it.as_ref()).to_owned());
            (from, to, done(&moved))
        }
        (None, Some(error)) => ("–".to_owned(), "–".to_owned(), error.message.clone()),
        (None, None) => ("–".to_owned(), "–".to_owned(), item.state.to_string()),
    };
    [id, schema, from, to, result]
}

/// Which versions were applied or taken back; those that came late by name.
fn done(moved: &Moved) -> String {
    let applied = moved.applied.iter().map(|version| match moved.out_of_order.contains(version) {
        true => format!("applied {version} (out of order)"),
        false => format!("applied {version}"),
    });
    let reverted = moved.reverted.iter().map(|version| format!("took back {version}"));
    let path = moved.path_changed.then(|| "changed its search path".to_owned());
    let done: Vec<String> = applied.chain(reverted).chain(path).collect();
    match done.as_slice() {
        [] => "up to date".to_owned(),
        // a new tenant of a long set
        [first, .., last] if done.len() > NAMED => format!("{first} … {last}"),
        _ => done.join(", "),
    }
}

fn json_row(item: &ItemResult) -> serde_json::Value {
    let moved = moved_of(item);
    let moved = moved.as_ref();
    json!({
        "tenant_id": item.tenant_id,
        "schema": item.schema_name,
        "state": item.state,
        "from": moved.map(|m| &m.from),
        "to": moved.map(|m| &m.to),
        "applied": moved.map(|m| &m.applied),
        "out_of_order": moved.map(|m| &m.out_of_order),
        "reverted": moved.map(|m| &m.reverted),
        "path_changed": moved.map(|m| m.path_changed),
        "code": item.error.as_ref().map(|error| &error.code),
        "error": item.error.as_ref().map(|error| &error.message),
    })
}
