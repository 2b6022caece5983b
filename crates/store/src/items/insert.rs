//! Records a batch's items.

use chrono::{DateTime, Utc};
use domain::{BatchId, ItemError, ItemId, ItemState, TenantId};
use serde_json::Value;
use sqlx::PgConnection;

/// An item about to be recorded.
#[derive(Debug, Clone)]
pub struct NewItemRow {
    /// Its place in the request.
    pub index: u32,
    /// `queued` when it was accepted; `failed` or `cancelled`, and over, when it was not.
    pub state: ItemState,
    /// What was asked, as sent.
    pub request: Value,
    /// The tenant's name, if the request has one that is a text.
    pub tenant_name: Option<String>,
    /// The domain, as reserved or as asked.
    pub domain: Option<String>,
    /// The schema, as reserved.
    pub schema: Option<String>,
    /// The reserved tenant, if it was accepted.
    pub tenant: Option<TenantId>,
    /// The id of the job that will make it; none yet when its batch is to start later.
    pub job: Option<String>,
    /// Why it was not accepted.
    pub error: Option<ItemError>,
}

/// Records `items`, those accepted not to be begun before `run_at`, and says the id each index
/// got. One statement whatever their number.
///
/// # Errors
/// When the rows cannot be written.
pub async fn insert(
    conn: &mut PgConnection,
    batch: BatchId,
    items: &[NewItemRow],
    run_at: Option<DateTime<Utc>>,
) -> sqlx::Result<Vec<(u32, ItemId)>> {
    let columns = Columns::of(items);
    let rows = sqlx::query_file!(
        "queries/items/insert.sql",
        batch.get(),
        &columns.indexes,
        &columns.requests,
        &columns.names as &[Option<String>],
        &columns.domains as &[Option<String>],
        &columns.schemas as &[Option<String>],
        &columns.tenants as &[Option<i64>],
        &columns.jobs as &[Option<String>],
        &columns.codes as &[Option<String>],
        &columns.messages as &[Option<String>],
        &columns.retryable as &[Option<bool>],
        &columns.states,
        run_at,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|r| (u32::try_from(r.idx).unwrap_or_default(), ItemId::new(r.id)))
        .collect())
}

/// The rows turned on their side, as `unnest` takes them.
#[derive(Default)]
struct Columns {
    indexes: Vec<i32>,
    requests: Vec<Value>,
    names: Vec<Option<String>>,
    domains: Vec<Option<String>>,
    schemas: Vec<Option<String>>,
    tenants: Vec<Option<i64>>,
    jobs: Vec<Option<String>>,
    codes: Vec<Option<String>>,
    messages: Vec<Option<String>>,
    retryable: Vec<Option<bool>>,
    states: Vec<String>,
}

impl Columns {
    fn of(items: &[NewItemRow]) -> Self {
        let mut columns = Self::default();
        for item in items {
            let error = item.error.as_ref();
            columns.indexes.push(i32::try_from(item.index).unwrap_or(i32::MAX));
            columns.requests.push(item.request.clone());
            columns.names.push(item.tenant_name.clone());
            columns.domains.push(item.domain.clone());
            columns.schemas.push(item.schema.clone());
            columns.tenants.push(item.tenant.map(TenantId::get));
            columns.jobs.push(item.job.clone());
            columns.codes.push(error.map(|e| e.code.as_str().to_owned()));
            columns.messages.push(error.map(|e| e.message.clone()));
            columns.retryable.push(error.map(|e| e.retryable));
            columns.states.push(item.state.as_str().to_owned());
        }
        columns
    }
}
