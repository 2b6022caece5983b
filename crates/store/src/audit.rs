//! The audit log: one row for every change and every reveal, in the transaction of the change. Each month
//! is a partition, exported before it is dropped.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{OperationId, Role, TenantId};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};

use crate::{idempotency::Once, place::Place};

/// Who did what to which, from where. Never a secret in it, and what names a customer in `personal` alone.
#[derive(Debug, Clone, Default)]
pub struct Entry<'a> {
    /// `operator:<name>`, `worker:<id>`, `cli:<os user>` or `sweeper`.
    pub actor: &'a str,
    /// What was done, as `subject.verb`: `operation.submitted`, `keys.revealed`, `token.created`.
    pub action: &'a str,
    pub tenant: Option<TenantId>,
    /// The operation it was done to, or in.
    pub operation: Option<OperationId>,
    /// Of the operator, at this moment.
    pub role: Option<Role>,
    /// For whom, as the caller says.
    pub on_behalf_of: Option<&'a str>,
    pub request_id: Option<&'a str>,
    pub address: Option<&'a str>,
    /// What else matters; states under `before` and `after`.
    pub detail: Value,
    /// What names a customer (names, domains, ids of theirs, reasons, settings, schemas), as an object, or null;
    /// of a change under `before` and `after`. Needs a `tenant`: it is erased with that one.
    pub personal: Value,
}

/// Who changes something, and by which request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct By<'a> {
    pub actor: &'a str,
    /// Of an operator.
    pub role: Option<Role>,
    /// For whom, as the caller says. It gives no rights.
    pub on_behalf_of: Option<&'a str>,
    pub request_id: Option<&'a str>,
    pub address: Option<&'a str>,
    /// The request takes effect once, however often it is sent.
    pub once: Option<Once<'a>>,
}

impl<'a> By<'a> {
    /// A process that no request asked.
    #[must_use]
    pub fn process(actor: &'a str) -> Self {
        Self { actor, role: None, on_behalf_of: None, request_id: None, address: None, once: None }
    }

    /// An audit row of what they did.
    #[must_use]
    pub fn did(self, action: &'a str) -> Entry<'a> {
        let Self { actor, role, on_behalf_of, request_id, address, once: _ } = self;
        Entry { actor, action, role, on_behalf_of, request_id, address, ..Entry::default() }
    }
}

/// Records `entry`; commits with the change it tells of.
///
/// # Errors
/// When it has a personal part and no tenant: nothing could erase it.
pub async fn append(conn: &mut PgConnection, entry: Entry<'_>) -> sqlx::Result<()> {
    if entry.tenant.is_none() {
        impersonal(&entry)?;
    }
    sqlx::query_file!(
        "queries/audit/append.sql",
        entry.actor,
        entry.action,
        entry.tenant.map(TenantId::get),
        entry.operation.map(OperationId::get),
        entry.role.map(Role::as_str),
        entry.on_behalf_of,
        entry.request_id,
        entry.address,
        if entry.detail.is_null() { json!({}) } else { entry.detail },
        (!entry.personal.is_null()).then_some(entry.personal),
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn impersonal(entry: &Entry<'_>) -> sqlx::Result<()> {
    let refused = || format!("`{}` has a personal part and no tenant", entry.action);
    if entry.personal.is_null() { Ok(()) } else { Err(sqlx::Error::Protocol(refused())) }
}

/// Records `entry` once for each of `tenants`, in one statement.
///
/// # Errors
/// When it has a personal part, which is of one tenant.
pub async fn append_for_tenants(
    conn: &mut PgConnection,
    entry: Entry<'_>,
    tenants: &[TenantId],
) -> sqlx::Result<()> {
    impersonal(&entry)?;
    let ids: Vec<i64> = tenants.iter().map(|id| id.get()).collect();
    sqlx::query!(
        "insert into tenantry.audit_log
             (actor, action, tenant_id, operation_id, role, on_behalf_of, request_id, address, detail)
         select $1, $2, id, $3, $4, $5, $6, $7, coalesce($8, '{}'::jsonb) from unnest($9::bigint[]) as id",
        entry.actor,
        entry.action,
        entry.operation.map(OperationId::get),
        entry.role.map(Role::as_str),
        entry.on_behalf_of,
        entry.request_id,
        entry.address,
        (!entry.detail.is_null()).then_some(entry.detail),
        &ids,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Which rows are read: those that fit all that is given.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub tenant: Option<TenantId>,
    pub operation: Option<OperationId>,
    /// The whole actor, such as `operator:ci`.
    pub actor: Option<String>,
    pub action: Option<String>,
    /// For whom, as the caller said.
    pub on_behalf_of: Option<String>,
    /// The first moment that fits.
    pub since: Option<DateTime<Utc>>,
    /// The first moment after `since` that does not fit.
    pub until: Option<DateTime<Utc>>,
}

/// A row of the log.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// When it was recorded, and its id.
    pub place: Place,
    pub actor: String,
    pub action: String,
    pub tenant: Option<TenantId>,
    pub operation: Option<OperationId>,
    pub role: Option<String>,
    pub on_behalf_of: Option<String>,
    pub request_id: Option<String>,
    pub address: Option<String>,
    pub detail: Value,
    /// Without its salt; `None` where there was no personal part, or it is erased.
    pub personal: Option<Value>,
}

/// At most `limit` rows of `filter` after the place `after`, newest first. With a tenant or an operation it may
/// read all of their rows; else it reads no row that it does not return.
pub async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    after: Option<Place>,
    limit: i64,
) -> sqlx::Result<Vec<Recorded>> {
    let until = filter.until.map(|at| Place { at, id: i64::MIN });
    let before = [after, until].into_iter().flatten().min();
    let mut tx = conn.begin().await?;
    read_in_index_order(&mut tx).await?;
    let found = sqlx::query_file!(
        "queries/audit/list.sql",
        filter.tenant.map(TenantId::get),
        filter.operation.map(OperationId::get),
        filter.actor,
        filter.action,
        filter.since,
        before.map(|it| it.at),
        before.map(|it| it.id),
        limit,
        filter.on_behalf_of,
    )
    .map(|row| Recorded {
        place: Place { at: row.at, id: row.id },
        actor: row.actor,
        action: row.action,
        tenant: row.tenant_id.map(TenantId::new),
        operation: row.operation_id.map(OperationId::new),
        role: row.role,
        on_behalf_of: row.on_behalf_of,
        request_id: row.request_id,
        address: row.address,
        detail: row.detail,
        personal: row.personal,
    })
    .fetch_all(&mut *tx)
    .await?;
    tx.rollback().await?;
    Ok(found)
}

/// Has PostgreSQL read an index in the order asked for, until the caller's transaction ends. Statistics do not know
/// an actor that is new, such as a worker: PostgreSQL then reads and sorts all of its rows, which it takes for few.
async fn read_in_index_order(conn: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!(
        "select set_config(name, 'off', true)
         from unnest(array['enable_bitmapscan', 'enable_seqscan', 'enable_sort']) as name",
    )
    .fetch_all(conn)
    .await?;
    Ok(())
}

/// A month that was written to a file.
#[derive(Debug, Clone, Copy)]
pub struct Export<'a> {
    pub month: NaiveDate,
    /// Who exported it: `cli:<os user>`.
    pub actor: &'a str,
    pub rows: i64,
    /// SHA-256 of the file, in hex.
    pub sha256: &'a str,
}

/// What became of a request to drop a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Dropped {
        rows: i64,
    },
    NotOver,
    /// The log has no rows of it.
    NoRows,
    NotExported,
    /// The newest export has another number of rows.
    Changed {
        rows: i64,
        exported: i64,
    },
}

/// Makes the partitions of this month and the next two, and those of rows that came while there was none;
/// says how many.
///
/// # Errors
/// 55P03 when the log is in use for more than 1 s; when the statement fails.
pub async fn make_months(conn: &mut PgConnection) -> sqlx::Result<i32> {
    sqlx::query_scalar!(r#"select tenantry.make_audit_months() as "made!""#).fetch_one(conn).await
}

/// At most `limit` rows of the month that begins with `month`, in UTC, in the order of their ids and after
/// `after`: each with its id, as a line of JSON without its end.
pub async fn export(
    conn: &mut PgConnection,
    month: NaiveDate,
    after: i64,
    limit: i64,
) -> sqlx::Result<Vec<(i64, String)>> {
    sqlx::query_file!("queries/audit/export.sql", month, after, limit)
        .map(|row| (row.id, row.line))
        .fetch_all(conn)
        .await
}

/// Records that a month is in a file.
pub async fn record_export(conn: &mut PgConnection, export: Export<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into tenantry.audit_exports (month, exported_by, row_count, sha256)
         values ($1, $2, $3, $4)",
        export.month,
        export.actor,
        export.rows,
        export.sha256,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Drops a month that is over and that the newest export has all rows of.
///
/// # Errors
/// 55P03 when the log is in use for more than 1 s; when the statement fails.
pub async fn drop_month(conn: &mut PgConnection, month: NaiveDate) -> sqlx::Result<Verdict> {
    let told = sqlx::query!(
        r#"select verdict as "verdict!", present, exported from tenantry.drop_audit_month($1)"#,
        month,
    )
    .fetch_one(conn)
    .await?;
    let rows = told.present.unwrap_or_default();
    Ok(match told.verdict.as_str() {
        "dropped" => Verdict::Dropped { rows },
        "not_over" => Verdict::NotOver,
        "no_rows" => Verdict::NoRows,
        "not_exported" => Verdict::NotExported,
        _ => Verdict::Changed { rows, exported: told.exported.unwrap_or_default() },
    })
}
