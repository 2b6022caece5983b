//! Tenants that are to be deleted: their grace, what stops it, and what is left of them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::{ItemId, OperationId, TenantId, TenantState};
use serde_json::Value;
use sqlx::PgConnection;

use super::suspended::lock_all;
use crate::decode::decode;

/// Since when and why a tenant is to be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    pub since: DateTime<Utc>,
    pub reason: Option<String>,
    /// When it may be dropped; a hold moves it.
    pub purge_at: Option<DateTime<Utc>>,
    /// Whether its drop has begun: from then on nothing brings it back.
    pub has_begun: bool,
}

/// Since when and why a tenant must not be dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    pub since: DateTime<Utc>,
    pub reason: Option<String>,
}

/// `deleting` → the state before, for the tenants of these items; gives those for which it is so, with the reason for
/// which they were to be deleted. Not for one whose drop has begun, or that was deleted again by a later item.
pub async fn undelete(
    conn: &mut PgConnection,
    items: &[(ItemId, TenantId)],
) -> sqlx::Result<HashMap<TenantId, Option<String>>> {
    lock_all(conn, items).await?;
    let (items, ids): (Vec<i64>, Vec<i64>) =
        items.iter().map(|(item, tenant)| (item.get(), tenant.get())).unzip();
    let restored = sqlx::query!(
        "update tenantry.tenants t
         set state = case t.deleting_from when 'suspended' then 'suspended' else 'active' end,
             deleting_at = null, deleting_reason = null, deleting_from = null, purge_at = null,
             purge_taken_at = null, name_hold_days = null, updated_at = clock_timestamp()
         from unnest($1::bigint[], $2::bigint[]) as c (item, tenant)
         join tenantry.tenants before on before.id = c.tenant
         where t.id = c.tenant and t.state = 'deleting' and t.purge_began_at is null
           and not exists (select from tenantry.operation_items i
                           join tenantry.operations o on o.id = i.operation_id
                           where i.tenant_id = t.id and i.interrupts and i.id > c.item
                             and o.kind in ('suspend', 'delete'))
         returning t.id, before.deleting_reason",
        &items,
        &ids,
    )
    .fetch_all(conn)
    .await?;
    Ok(restored.into_iter().map(|it| (TenantId::new(it.id), it.deleting_reason)).collect())
}

/// The tenants of these items that may be dropped now. Not one that is on hold, whose grace is not over, or that
/// somebody has asked to undelete; one whose drop has begun may always.
pub async fn ripe(
    conn: &mut PgConnection,
    items: &[(ItemId, TenantId)],
) -> sqlx::Result<Vec<TenantId>> {
    let (items, ids): (Vec<i64>, Vec<i64>) =
        items.iter().map(|(item, tenant)| (item.get(), tenant.get())).unzip();
    let ripe = sqlx::query_scalar!(
        "select t.id
         from unnest($1::bigint[], $2::bigint[]) as c (item, tenant)
         join tenantry.tenants t on t.id = c.tenant
         where t.state = 'deleting'
           and (t.purge_began_at is not null
                or (t.purge_at <= clock_timestamp() and t.held_at is null
                    and not exists (
                        select from tenantry.operation_items i
                        join tenantry.operations o on o.id = i.operation_id
                        where i.tenant_id = t.id and i.id > c.item and i.finished_at is null
                          and o.kind = 'undelete')))",
        &items,
        &ids,
    )
    .fetch_all(conn)
    .await?;
    Ok(ripe.into_iter().map(TenantId::new).collect())
}

/// Records that the drop begins, in the transaction in which it does, for those that are [`ripe`]; gives them.
pub async fn begin_purge(
    conn: &mut PgConnection,
    items: &[(ItemId, TenantId)],
) -> sqlx::Result<Vec<TenantId>> {
    lock_all(conn, items).await?;
    let ripe = ripe(conn, items).await?;
    let ids: Vec<i64> = ripe.iter().map(|tenant| tenant.get()).collect();
    sqlx::query!(
        "update tenantry.tenants
         set purge_began_at = coalesce(purge_began_at, clock_timestamp()), updated_at = clock_timestamp()
         where id = any($1::bigint[])",
        &ids,
    )
    .execute(conn)
    .await?;
    Ok(ripe)
}

/// What was erased of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erased {
    pub tenant: TenantId,
    pub keys: i64,
    pub items: i64,
    pub attempts: i64,
    pub audit: i64,
    /// Until when its domain, schema name and external id are kept.
    pub names_held_until: Option<DateTime<Utc>>,
}

/// `deleting → deleted` for tenants that are gone from their databases, and nothing personal of them is kept but
/// the names that are held.
pub async fn erase(conn: &mut PgConnection, tenants: &[TenantId]) -> sqlx::Result<Vec<Erased>> {
    let ids: Vec<i64> = tenants.iter().map(|tenant| tenant.get()).collect();
    sqlx::query_file!("queries/tenants/erase.sql", &ids)
        .map(|row| Erased {
            tenant: TenantId::new(row.id),
            keys: row.keys,
            items: row.items,
            attempts: row.attempts,
            audit: row.audit,
            names_held_until: row.names_held_until,
        })
        .fetch_all(conn)
        .await
}

/// Tenants whose grace is over, the longest first, at most `limit` and, with `per_minute`, no more than that in a
/// minute. They are not found a second time before
/// ten minutes are over. Empty while another process does the same.
pub async fn take_due(
    conn: &mut PgConnection,
    limit: i64,
    per_minute: Option<i64>,
) -> sqlx::Result<Vec<TenantId>> {
    let leased = sqlx::query_scalar!(
        "select name from tenantry.leases where name = 'reaper' for update skip locked",
    )
    .fetch_optional(&mut *conn)
    .await?;
    if leased.is_none() {
        return Ok(Vec::new());
    }
    let due = sqlx::query_scalar!(
        "update tenantry.tenants set purge_taken_at = clock_timestamp()
         where id in (
             select id from tenantry.tenants
             where purge_at <= clock_timestamp() and held_at is null and state = 'deleting'
                 -- again, if nothing came of it
                 and (purge_taken_at is null
                      or (purge_taken_at < clock_timestamp() - interval '10 minutes'
                          and not exists (select from tenantry.operation_items i
                                          where i.tenant_id = tenants.id
                                              and (i.finished_at is null or i.state = 'stuck'))))
             order by purge_at
             limit least($1, $2 - (select count(*) from tenantry.tenants
                                   where purge_taken_at > clock_timestamp() - interval '1 minute'))
             for update skip locked)
         returning id",
        limit,
        per_minute.unwrap_or(i64::MAX),
    )
    .fetch_all(conn)
    .await?;
    Ok(due.into_iter().map(TenantId::new).collect())
}

/// The tenants whose grace is over and that are not on hold, the longest due first, at most `limit`.
pub async fn due(conn: &mut PgConnection, limit: i64) -> sqlx::Result<Vec<TenantId>> {
    let due = sqlx::query_scalar!(
        "select id from tenantry.tenants
         where purge_at <= clock_timestamp() and held_at is null and state = 'deleting'
         order by purge_at limit $1",
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(due.into_iter().map(TenantId::new).collect())
}

/// The names of the tenants' schemas, in their order.
pub async fn schemas(conn: &mut PgConnection, tenants: &[TenantId]) -> sqlx::Result<Vec<String>> {
    let ids: Vec<i64> = tenants.iter().map(|tenant| tenant.get()).collect();
    sqlx::query_scalar!(
        "select t.schema_name from unnest($1::bigint[]) with ordinality as c (id, place)
         join tenantry.tenants t on t.id = c.id order by c.place",
        &ids,
    )
    .fetch_all(conn)
    .await
}

/// Gives up the names of deleted tenants that were held long enough, of at most `limit`; says of which.
pub async fn free_names(conn: &mut PgConnection, limit: i64) -> sqlx::Result<Vec<TenantId>> {
    let freed = sqlx::query_scalar!(
        "update tenantry.tenants
         set names_held_until = null, domain = 'deleted.invalid', schema_name = 'deleted', external_id = null,
             updated_at = clock_timestamp()
         where id in (select id from tenantry.tenants
                      where names_held_until <= clock_timestamp() order by names_held_until
                      limit $1 for update skip locked)
         returning id",
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(freed.into_iter().map(TenantId::new).collect())
}

/// What is known of a tenant that is gone.
#[derive(Debug, Clone)]
pub struct Tombstone {
    pub state: TenantState,
    pub deleted_at: Option<DateTime<Utc>>,
    pub names_held_until: Option<DateTime<Utc>>,
    /// Who asked for the deletion, as the audit log names them.
    pub asked_by: Option<String>,
    pub asked_at: Option<DateTime<Utc>>,
    /// What was erased, by its name: how many.
    pub erased: Value,
}

/// What is known of the tenant `id`, wherever it is in its life.
pub async fn tombstone(conn: &mut PgConnection, id: TenantId) -> sqlx::Result<Option<Tombstone>> {
    sqlx::query!(
        r#"select t.state, t.deleted_at, t.names_held_until,
                  asked.actor as "asked_by?", asked.at as "asked_at?",
                  (select a.detail -> 'erased' from tenantry.audit_log a
                   where a.tenant_id = t.id and a.action = 'tenant.deleted' limit 1) as erased
           from tenantry.tenants t
           left join lateral (
               select a.actor, a.at from tenantry.operation_items i
               join tenantry.operations o on o.id = i.operation_id and o.kind = 'delete'
               join tenantry.audit_log a on a.operation_id = o.id and a.action = 'operation.submitted'
               where i.tenant_id = t.id order by i.id desc limit 1) asked on true
           where t.id = $1"#,
        id.get(),
    )
    .try_map(|row| {
        Ok(Tombstone {
            state: decode(&row.state)?,
            deleted_at: row.deleted_at,
            names_held_until: row.names_held_until,
            asked_by: row.asked_by,
            asked_at: row.asked_at,
            erased: row.erased.unwrap_or_default(),
        })
    })
    .fetch_optional(conn)
    .await
}

/// Why a tenant cannot be deleted or undeleted now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Barred {
    Protected,
    /// Its drop has begun.
    Begun,
}

/// Those of `tenants` that something keeps from being deleted or undeleted.
pub async fn barred(
    conn: &mut PgConnection,
    tenants: &[TenantId],
) -> sqlx::Result<HashMap<TenantId, Barred>> {
    let ids: Vec<i64> = tenants.iter().map(|tenant| tenant.get()).collect();
    let rows = sqlx::query!(
        r#"select id, purge_began_at is not null as "begun!" from tenantry.tenants
           where id = any($1) and (deletion_protected or purge_began_at is not null)"#,
        &ids,
    )
    .fetch_all(conn)
    .await?;
    let why = |begun| if begun { Barred::Begun } else { Barred::Protected };
    Ok(rows.into_iter().map(|row| (TenantId::new(row.id), why(row.begun))).collect())
}

/// What became of a change that is not about a tenant's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marked {
    Done,
    /// It is so already.
    Already,
    /// Its drop has begun, or it is gone.
    TooLate,
    NotFound,
}

impl Marked {
    /// Of a change that was not made, and whether it is so already.
    fn unless(is_so: Option<bool>) -> Self {
        is_so.map_or(Self::NotFound, |is_so| if is_so { Self::Already } else { Self::TooLate })
    }
}

/// Keeps the tenant from being deleted, or no longer does.
pub async fn protect(conn: &mut PgConnection, tenant: TenantId, on: bool) -> sqlx::Result<Marked> {
    let changed = sqlx::query!(
        "update tenantry.tenants set deletion_protected = $2, updated_at = clock_timestamp()
         where id = $1 and state in ('pending', 'active', 'suspended', 'archived')
             and deletion_protected <> $2",
        tenant.get(),
        on,
    )
    .execute(&mut *conn)
    .await?;
    if changed.rows_affected() == 1 {
        return Ok(Marked::Done);
    }
    Ok(Marked::unless(marks(conn, tenant).await?.map(|(_, is_protected)| is_protected == on)))
}

/// Stops the time until the tenant is dropped, also of one that is not yet to be deleted.
pub async fn hold(
    conn: &mut PgConnection,
    tenant: TenantId,
    reason: Option<&str>,
) -> sqlx::Result<Marked> {
    let changed = sqlx::query!(
        "update tenantry.tenants
         set held_at = clock_timestamp(), hold_reason = $2, purge_taken_at = null,
             updated_at = clock_timestamp()
         where id = $1 and state not in ('deleted', 'released') and held_at is null
             and purge_began_at is null",
        tenant.get(),
        reason,
    )
    .execute(&mut *conn)
    .await?;
    if changed.rows_affected() == 1 {
        return Ok(Marked::Done);
    }
    Ok(Marked::unless(marks(conn, tenant).await?.map(|(is_held, _)| is_held)))
}

/// Lets the time go on: what was left of it when the hold began is left of it now.
pub async fn release_hold(conn: &mut PgConnection, tenant: TenantId) -> sqlx::Result<Marked> {
    let changed = sqlx::query!(
        "update tenantry.tenants
         set purge_at = purge_at + (clock_timestamp() - greatest(held_at, deleting_at)),
             held_at = null, hold_reason = null, updated_at = clock_timestamp()
         where id = $1 and state not in ('deleted', 'released') and held_at is not null",
        tenant.get(),
    )
    .execute(&mut *conn)
    .await?;
    if changed.rows_affected() == 1 {
        return Ok(Marked::Done);
    }
    // Nothing holds one that is gone either.
    Ok(marks(conn, tenant).await?.map_or(Marked::NotFound, |_| Marked::Already))
}

/// Whether the tenant is held, and protected.
async fn marks(conn: &mut PgConnection, tenant: TenantId) -> sqlx::Result<Option<(bool, bool)>> {
    sqlx::query!(
        r#"select held_at is not null as "is_held!", deletion_protected as "is_protected!"
           from tenantry.tenants where id = $1"#,
        tenant.get(),
    )
    .map(|it| (it.is_held, it.is_protected))
    .fetch_optional(conn)
    .await
}

/// Items of drops that ran out of tries for a reason that passes, at least ten minutes ago: operation and index.
pub async fn tired_purges(conn: &mut PgConnection) -> sqlx::Result<Vec<(OperationId, u32)>> {
    let found = sqlx::query!(
        "select o.id, i.idx from tenantry.operation_items i
         join tenantry.operations o on o.id = i.operation_id and o.kind = 'purge'
         where i.state = 'stuck' and not i.interrupts
             and i.error_code in ('timed_out', 'database_unavailable')
             and i.finished_at < clock_timestamp() - interval '10 minutes'
         limit 100",
    )
    .fetch_all(conn)
    .await?;
    let place = |index| u32::try_from(index).unwrap_or_default();
    Ok(found.into_iter().map(|it| (OperationId::new(it.id), place(it.idx))).collect())
}
