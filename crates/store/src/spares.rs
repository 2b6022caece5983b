//! Tenants built in advance. Their schemas and roles are in the tenant database; the rows here
//! commit together with them. A spare's row is its lock: no tenant has its id.

use std::time::Duration;

use domain::{TenantId, Version};
use sqlx::PgConnection;

use crate::{decode::natural, tenants::Place};

/// A spare in the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spare {
    /// The id in its names and marks.
    pub id: TenantId,
    /// What its schema's fingerprint was when it was built.
    pub fingerprint: String,
}

/// Takes a spare that bears `stamp` for each of `tenants`, passing over those that other transactions are taking;
/// fewer if there are not so many. Those that this session built come first, as it has their tables open, and then
/// the oldest. Writes the tenants' rows in the ledger: each has
/// the version of the set that the stamp stands for. The spares are the caller's once its transaction
/// commits. One statement.
pub async fn take(
    conn: &mut PgConnection,
    stamp: &str,
    tenants: &[TenantId],
    place: &Place,
) -> sqlx::Result<Vec<Spare>> {
    let ids: Vec<i64> = tenants.iter().map(|tenant| tenant.get()).collect();
    sqlx::query!(
        "with own as materialized (
             select id from tenantry.spares where stamp = $1 and session = pg_backend_pid()
             order by id limit cardinality($2::bigint[]) for update skip locked
         ), others as materialized (
             select id from tenantry.spares where stamp = $1 and session <> pg_backend_pid()
             order by id limit cardinality($2) - (select count(*) from own) for update skip locked
         ), picked as (
             select id from own union all select id from others
         ), placed as (
             insert into tenantry.tenant_migrations (tenant_id, set_hash, version)
             select tenant, $3, $4 from unnest($2) as t (tenant)
             on conflict (tenant_id) do update
             set set_hash = excluded.set_hash, version = excluded.version, applied_at = now()
         )
         delete from tenantry.spares s using picked where s.id = picked.id
         returning s.id, s.fingerprint",
        stamp,
        &ids,
        place.set_hash,
        place.version.as_ref().map(Version::as_str),
    )
    .map(|row| Spare { id: TenantId::new(row.id), fingerprint: row.fingerprint })
    .fetch_all(conn)
    .await
}

/// How many spares there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpareCount {
    /// Those that a tenant can get: they bear the stamp that is in force.
    pub ready: u64,
    pub other: u64,
}

/// Counts the spares, of which there are as many as the pool's size; for a while twice as many, when
/// others replace them.
pub async fn count(conn: &mut PgConnection, stamp: &str) -> sqlx::Result<SpareCount> {
    sqlx::query!(
        r#"select count(*) filter (where stamp = $1) as "ready!",
                  count(*) filter (where stamp <> $1) as "other!"
           from tenantry.spares"#,
        stamp,
    )
    .map(|row| SpareCount { ready: natural(row.ready), other: natural(row.other) })
    .fetch_one(conn)
    .await
}

/// All of them, whatever they bear.
pub async fn every(conn: &mut PgConnection) -> sqlx::Result<Vec<TenantId>> {
    sqlx::query!("select id from tenantry.spares order by id")
        .map(|row| TenantId::new(row.id))
        .fetch_all(conn)
        .await
}

/// At most `most` of the spares that bear `stamp`, the oldest first.
pub async fn ready(conn: &mut PgConnection, stamp: &str, most: u32) -> sqlx::Result<Vec<Spare>> {
    sqlx::query!(
        "select id, fingerprint from tenantry.spares where stamp = $1 order by id limit $2",
        stamp,
        i64::from(most),
    )
    .map(|row| Spare { id: TenantId::new(row.id), fingerprint: row.fingerprint })
    .fetch_all(conn)
    .await
}

/// At most `most` of the spares that nobody will get: they bear another stamp than this, and were
/// built at one of the `older` versions, or longer ago than `patience`. Younger ones at another
/// version may be what workers of another release still want.
pub async fn stale(
    conn: &mut PgConnection,
    stamp: &str,
    older: &[Version],
    patience: Duration,
    most: u32,
) -> sqlx::Result<Vec<TenantId>> {
    // spares of the release before have plain numbers, without leading zeros
    let older: Vec<String> =
        older.iter().flat_map(|v| [v.as_str().to_owned(), v.key().into_owned()]).collect();
    sqlx::query!(
        "select id from tenantry.spares
         where stamp <> $1
           and (head = any($2) or built_at < clock_timestamp() - make_interval(secs => $3))
         order by id limit $4",
        stamp,
        &older,
        patience.as_secs_f64(),
        i64::from(most),
    )
    .map(|row| TenantId::new(row.id))
    .fetch_all(conn)
    .await
}

/// Whether the caller's transaction may build or drop spares: it holds the lease until its end. Does
/// not wait for a worker that holds it.
pub async fn refill_lock(conn: &mut PgConnection) -> sqlx::Result<bool> {
    let lease = sqlx::query_scalar!(
        "select name from tenantry.leases where name = 'spares' for update skip locked"
    )
    .fetch_optional(conn)
    .await?;
    Ok(lease.is_some())
}

/// `n` fresh ids, none of them a tenant's. Unused ones leave gaps.
pub async fn allocate_ids(conn: &mut PgConnection, n: usize) -> sqlx::Result<Vec<TenantId>> {
    sqlx::query!(
        r#"select nextval('tenantry.spares_id_seq') as "id!" from generate_series(1, $1)"#,
        i32::try_from(n).unwrap_or(i32::MAX),
    )
    .map(|row| TenantId::new(row.id))
    .fetch_all(conn)
    .await
}

/// Records `spares`, each with its fingerprint, built at version `head` under `stamp`: in the
/// transaction that built them, whose session is recorded too.
pub async fn record(
    conn: &mut PgConnection,
    spares: &[TenantId],
    fingerprints: &[String],
    stamp: &str,
    head: Option<&Version>,
) -> sqlx::Result<()> {
    let ids: Vec<i64> = spares.iter().map(|id| id.get()).collect();
    sqlx::query!(
        "insert into tenantry.spares (id, fingerprint, stamp, head)
         select id, fingerprint, $3, $4 from unnest($1::bigint[], $2::text[]) as s (id, fingerprint)",
        &ids,
        fingerprints,
        stamp,
        head.map_or("", Version::as_str),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes `spare` out, and says whether it was there: a transaction that is giving it to a tenant is
/// waited for. Whoever takes it out drops its schema and role in the same transaction.
pub async fn remove(conn: &mut PgConnection, spare: TenantId) -> sqlx::Result<bool> {
    let removed = sqlx::query!("delete from tenantry.spares where id = $1", spare.get())
        .execute(conn)
        .await?;
    Ok(removed.rows_affected() == 1)
}
