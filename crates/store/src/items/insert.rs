//! Records an operation's items.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use domain::{ItemError, ItemId, ItemState, OperationId, TenantId};
use serde_json::value::RawValue;
use sqlx::{PgConnection, types::Json};

/// An item about to be recorded.
#[derive(Debug, Clone)]
pub struct NewItemRow<'a> {
    pub index: u32,
    /// `queued` when it was accepted; `failed` or `cancelled`, and over, when it was not.
    pub state: ItemState,
    /// What was asked, as sent.
    pub request: &'a RawValue,
    /// The tenant's name, if the request has one that is a text.
    pub tenant_name: Option<String>,
    /// The domain, as reserved or as asked.
    pub domain: Option<String>,
    /// The schema, as reserved.
    pub schema: Option<String>,
    /// The reserved tenant, if it was accepted.
    pub tenant: Option<TenantId>,
    /// Why it was not accepted.
    pub error: Option<ItemError>,
}

/// Records `items`, those accepted not to be begun before `run_at`; returns the ids of these, in
/// order. One statement whatever their number.
pub async fn insert(
    conn: &mut PgConnection,
    operation: OperationId,
    items: &[NewItemRow<'_>],
    run_at: Option<DateTime<Utc>>,
) -> sqlx::Result<Vec<ItemId>> {
    let columns = Columns::of(items);
    let rows = sqlx::query_file!(
        "queries/items/insert.sql",
        operation.get(),
        &columns.indexes,
        &columns.requests as &[Json<&RawValue>],
        &columns.names as &[Option<&str>],
        &columns.domains as &[Option<&str>],
        &columns.schemas as &[Option<&str>],
        &columns.tenants as &[Option<i64>],
        &columns.codes as &[Option<&str>],
        &columns.messages as &[Option<Cow<'_, str>>],
        &columns.retryable as &[Option<bool>],
        &columns.states as &[&str],
        run_at,
    )
    .fetch_all(conn)
    .await?;
    let queued = rows.into_iter().filter(|row| row.state == ItemState::Queued.as_str());
    Ok(queued.map(|row| ItemId::new(row.id)).collect())
}

/// The rows turned on their side, as `unnest` takes them.
#[derive(Default)]
struct Columns<'a> {
    indexes: Vec<i32>,
    requests: Vec<Json<&'a RawValue>>,
    names: Vec<Option<&'a str>>,
    domains: Vec<Option<&'a str>>,
    schemas: Vec<Option<&'a str>>,
    tenants: Vec<Option<i64>>,
    codes: Vec<Option<&'a str>>,
    messages: Vec<Option<Cow<'a, str>>>,
    retryable: Vec<Option<bool>>,
    states: Vec<&'a str>,
}

impl<'a> Columns<'a> {
    fn of(items: &'a [NewItemRow<'a>]) -> Self {
        let mut columns = Self::default();
        for item in items {
            let error = item.error.as_ref();
            columns.indexes.push(i32::try_from(item.index).unwrap_or(i32::MAX));
            columns.requests.push(Json(item.request));
            columns.names.push(item.tenant_name.as_deref());
            columns.domains.push(item.domain.as_deref());
            columns.schemas.push(item.schema.as_deref());
            columns.tenants.push(item.tenant.map(TenantId::get));
            columns.codes.push(error.map(|e| e.code.as_str()));
            columns.messages.push(error.map(ItemError::told));
            columns.retryable.push(error.map(|e| e.retryable));
            columns.states.push(item.state.as_str());
        }
        columns
    }
}
