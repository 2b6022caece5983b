//! What operators have done about items that ended, or cannot go on by themselves.

use domain::{ItemError, ItemId, Kind, OperationId, SchemaName, TenantId};
use serde_json::value::RawValue;
use sqlx::{PgConnection, types::Json};

use crate::decode::{unreadable, with_kind};

/// `undo_failed → unwinding` with no tries used; the caller wakes a worker for it in the same
/// transaction. `None` when the item is in another state, or not there.
pub async fn undo(
    conn: &mut PgConnection,
    operation: OperationId,
    index: u32,
) -> sqlx::Result<Option<(ItemId, Kind)>> {
    sqlx::query!(
        r#"update tenantry.operation_items
         set state = 'unwinding', tries = 0, worker_id = null, finished_at = null,
             next_attempt_at = clock_timestamp()
         where operation_id = $1 and idx = $2 and state = 'undo_failed'
         returning id, (select b.kind from tenantry.operations b where b.id = operation_id) as "kind!""#,
        operation.get(),
        i32::try_from(index).unwrap_or(i32::MAX),
    )
    .try_map(|row| with_kind(row.id, &row.kind))
    .fetch_optional(conn)
    .await
}

/// `stuck → retrying` with no tries used: an operator saw to the cause. The caller gives the item a job in
/// the same transaction. `None` when the item is in another state, or not there.
pub async fn go_on(
    conn: &mut PgConnection,
    operation: OperationId,
    index: u32,
) -> sqlx::Result<Option<(ItemId, Kind)>> {
    sqlx::query!(
        "update tenantry.operation_items i
         set state = 'retrying', tries = 0, finished_at = null, next_attempt_at = clock_timestamp()
         from tenantry.operations o
         where i.operation_id = $1 and o.id = $1 and i.idx = $2 and i.state = 'stuck'
         returning i.id, o.kind",
        operation.get(),
        i32::try_from(index).unwrap_or(i32::MAX),
    )
    .try_map(|row| with_kind(row.id, &row.kind))
    .fetch_optional(conn)
    .await
}

/// An item that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    pub tenant: Option<TenantId>,
}

/// `undo_failed → failed`: nothing of the tenant is left, an operator says. Gives its names back,
/// revokes its keys and marks its stages as undone. `stuck → failed` leaves all three. `None` when the item
/// is in another state, or not there.
pub async fn resolve(
    conn: &mut PgConnection,
    operation: OperationId,
    index: u32,
) -> sqlx::Result<Option<Resolved>> {
    let index = i32::try_from(index).unwrap_or(i32::MAX);
    sqlx::query_file!("queries/items/resolve.sql", operation.get(), index)
        .map(|row| Resolved { tenant: row.tenant_id.map(TenantId::new) })
        .fetch_optional(conn)
        .await
}

/// An item that failed, was cancelled or was rolled back.
#[derive(Debug, Clone)]
pub struct Retryable {
    pub id: ItemId,
    pub index: u32,
    /// What was asked, as sent.
    pub request: Box<RawValue>,
    pub code: Option<String>,
    /// The tenant it had reserved names for; `None` when it was refused at submission.
    pub tenant: Option<ReleasedTenant>,
}

/// A tenant whose names were given back.
#[derive(Debug, Clone)]
pub struct ReleasedTenant {
    pub id: TenantId,
    /// The domain in A-label form.
    pub domain: String,
    pub schema: SchemaName,
    pub external_id: Option<String>,
}

/// The items of `operation` that failed, were cancelled or were rolled back, by index; of these only
/// the ones with this error `code`, and with an error of this `step`, if given.
pub async fn retryable(
    conn: &mut PgConnection,
    operation: OperationId,
    code: Option<&str>,
    step: Option<&str>,
) -> sqlx::Result<Vec<Retryable>> {
    sqlx::query!(
        r#"select i.id, i.idx, i.input as "request: Json<Box<RawValue>>", i.error_code,
                  t.id as "tenant_id?", t.domain as "domain?", t.schema_name as "schema_name?",
                  t.external_id
           from tenantry.operation_items i
           left join tenantry.tenants t on t.id = i.tenant_id
           where i.operation_id = $1 and i.state in ('failed', 'cancelled', 'rolled_back')
             -- what was skipped is tried again by its code alone
             and ($2::text is not null or i.error_code is distinct from 'skipped')
             and ($2::text is null or i.error_code = $2)
             and ($3::text is null or i.error_step = $3)
           order by i.idx"#,
        operation.get(),
        code,
        step,
    )
    .try_map(|r| {
        let tenant = match (r.tenant_id, r.domain, r.schema_name) {
            (Some(id), Some(domain), Some(schema)) => Some(ReleasedTenant {
                id: TenantId::new(id),
                domain,
                schema: SchemaName::from_registry(schema).map_err(unreadable)?,
                external_id: r.external_id,
            }),
            _ => None,
        };
        Ok(Retryable {
            id: ItemId::new(r.id),
            index: u32::try_from(r.idx).unwrap_or_default(),
            request: r.request.0,
            code: r.error_code,
            tenant,
        })
    })
    .fetch_all(conn)
    .await
}

/// An item that is tried again.
#[derive(Debug, Clone)]
pub struct Requeued {
    pub id: ItemId,
    /// The tenant names are reserved for.
    pub tenant: TenantId,
    pub domain: String,
    pub schema: String,
}

/// `failed | cancelled | rolled_back → queued`, or `planned` in a rollout, with no tries used and no error, and says how many.
pub async fn requeue(conn: &mut PgConnection, items: &[Requeued]) -> sqlx::Result<u64> {
    let ids: Vec<i64> = items.iter().map(|i| i.id.get()).collect();
    let tenants: Vec<i64> = items.iter().map(|i| i.tenant.get()).collect();
    let domains: Vec<String> = items.iter().map(|i| i.domain.clone()).collect();
    let schemas: Vec<String> = items.iter().map(|i| i.schema.clone()).collect();
    let done = sqlx::query_file!("queries/items/requeue.sql", &ids, &tenants, &domains, &schemas)
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}

/// Records why each of `items`, which failed or were cancelled, cannot be retried; it stays in its
/// state.
pub async fn refuse(conn: &mut PgConnection, items: &[(ItemId, ItemError)]) -> sqlx::Result<()> {
    let ids: Vec<i64> = items.iter().map(|(id, _)| id.get()).collect();
    let codes: Vec<String> = items.iter().map(|(_, e)| e.code.as_str().to_owned()).collect();
    let messages: Vec<String> = items.iter().map(|(_, e)| e.told().into_owned()).collect();
    let retryable: Vec<bool> = items.iter().map(|(_, e)| e.retryable).collect();
    sqlx::query!(
        "update tenantry.operation_items i
         set error_code = why.code, error_message = why.message,
             error_step = null, error_retryable = why.retryable
         from unnest($1::bigint[], $2::text[], $3::text[], $4::boolean[])
             as why (id, code, message, retryable)
         where i.id = why.id and i.state || '' in ('failed', 'cancelled') -- found by id",
        &ids,
        &codes,
        &messages,
        &retryable,
    )
    .execute(conn)
    .await?;
    Ok(())
}
