//! Reserves names in the registry, says which are taken, and gives them back.

use std::collections::{HashMap, HashSet};

use domain::{Labels, RoleName, SchemaName, Settings, TenantId};
use sqlx::{PgConnection, types::Json};

/// `n` fresh ids. Names are derived from them before the rows exist; unused ids leave gaps.
pub async fn allocate_ids(conn: &mut PgConnection, n: usize) -> sqlx::Result<Vec<TenantId>> {
    sqlx::query!(
        r#"select nextval(s.id) as "id!"
           from (select pg_get_serial_sequence('tenantry.tenants', 'id')::regclass as id offset 0) s,
                generate_series(1, $1)"#,
        i32::try_from(n).unwrap_or(i32::MAX),
    )
    .map(|row| TenantId::new(row.id))
    .fetch_all(conn)
    .await
}

/// One tenant's names and settings, all of them already parsed.
#[derive(Debug, Clone)]
pub struct Reservation {
    /// From [`super::allocate_ids`].
    pub id: TenantId,
    pub name: String,
    pub description: Option<String>,
    /// The domain in A-label form.
    pub domain: String,
    pub schema: SchemaName,
    pub role: RoleName,
    pub external_id: Option<String>,
    /// Features, limits and metadata, defaults filled in.
    pub settings: Settings,
    pub labels: Labels,
}

/// Reserves what is free and says which of `wanted` that were: rows in state `pending`.
///
/// The unique indexes decide, nothing is looked up before. Rows go in ordered by domain, so that
/// two callers with the same domains wait for each other instead of dead-locking.
///
/// # Errors
/// When the rows cannot be written; a dead-lock over schema names or external ids is SQLSTATE
/// 40P01 and worth another try of the whole transaction.
pub async fn reserve(
    conn: &mut PgConnection,
    wanted: &[Reservation],
) -> sqlx::Result<HashSet<TenantId>> {
    let mut ordered: Vec<&Reservation> = wanted.iter().collect();
    ordered.sort_by(|a, b| a.domain.cmp(&b.domain).then(a.id.cmp(&b.id)));
    // Columns that borrow: a submission may be large.
    let ids: Vec<i64> = ordered.iter().map(|r| r.id.get()).collect();
    let names: Vec<&str> = ordered.iter().map(|r| r.name.as_str()).collect();
    let descriptions: Vec<Option<&str>> =
        ordered.iter().map(|r| r.description.as_deref()).collect();
    let domains: Vec<&str> = ordered.iter().map(|r| r.domain.as_str()).collect();
    let schemas: Vec<&str> = ordered.iter().map(|r| r.schema.as_str()).collect();
    let roles: Vec<&str> = ordered.iter().map(|r| r.role.as_str()).collect();
    let externals: Vec<Option<&str>> = ordered.iter().map(|r| r.external_id.as_deref()).collect();
    let settings: Vec<Json<&Settings>> = ordered.iter().map(|r| Json(&r.settings)).collect();
    let labels: Vec<Json<&Labels>> = ordered.iter().map(|r| Json(&r.labels)).collect();
    sqlx::query_file!(
        "queries/tenants/reserve.sql",
        &ids,
        &names as &[&str],
        &descriptions as &[Option<&str>],
        &domains as &[&str],
        &schemas as &[&str],
        &roles as &[&str],
        &externals as &[Option<&str>],
        &settings as &[Json<&Settings>],
        &labels as &[Json<&Labels>],
    )
    .map(|row| TenantId::new(row.id))
    .fetch_all(conn)
    .await
    .map(HashSet::from_iter)
}

/// Brings back to `pending` those of `ids` whose names nobody else took, and says which.
///
/// Somebody who takes one of the names at this very moment makes it fail as a unique violation
/// (SQLSTATE 23505): the next try of the whole transaction sees them and leaves that one out.
pub async fn revive(conn: &mut PgConnection, ids: &[TenantId]) -> sqlx::Result<HashSet<TenantId>> {
    let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
    let revived =
        sqlx::query_file_scalar!("queries/tenants/revive.sql", &ids).fetch_all(conn).await?;
    Ok(revived.into_iter().map(TenantId::new).collect())
}

/// `pending → released`: domain, schema and external id are free again. Does nothing to a tenant
/// in any other state.
pub async fn release(conn: &mut PgConnection, tenant: TenantId) -> sqlx::Result<()> {
    sqlx::query!(
        "update tenantry.tenants
         set state = 'released', updated_at = clock_timestamp()
         where id = $1 and state = 'pending'",
        tenant.get(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The names a tenant wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its id, so that it is no conflict with itself.
    pub id: TenantId,
    /// The domain in A-label form.
    pub domain: String,
    pub schema: String,
    pub external_id: Option<String>,
}

/// What another live tenant holds of the wanted names. None of them: it was released meanwhile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Conflict {
    /// A row has the id itself: that of a tenant to be reserved again, or the sequence is behind.
    pub id: bool,
    pub domain: bool,
    pub schema: bool,
    pub external_id: bool,
}

/// For each of `wanted`, what is taken.
pub async fn conflicts(
    conn: &mut PgConnection,
    wanted: &[Wanted],
) -> sqlx::Result<HashMap<TenantId, Conflict>> {
    let ids: Vec<i64> = wanted.iter().map(|w| w.id.get()).collect();
    let domains: Vec<String> = wanted.iter().map(|w| w.domain.clone()).collect();
    let schemas: Vec<String> = wanted.iter().map(|w| w.schema.clone()).collect();
    let externals: Vec<Option<String>> = wanted.iter().map(|w| w.external_id.clone()).collect();
    let rows = sqlx::query_file!(
        "queries/tenants/conflicts.sql",
        &ids,
        &domains,
        &schemas,
        &externals as &[Option<String>],
    )
    .fetch_all(conn)
    .await?;
    let conflict = |id, domain, schema, external_id| Conflict { id, domain, schema, external_id };
    Ok(rows
        .into_iter()
        .map(|r| (TenantId::new(r.id), conflict(r.row, r.domain, r.schema, r.external_id)))
        .collect())
}
