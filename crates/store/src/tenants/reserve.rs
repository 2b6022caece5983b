//! Reserves names in the registry.

use std::collections::HashSet;

use domain::{RoleName, SchemaName, Settings, TenantId};
use sqlx::{PgConnection, types::Json};

/// One tenant's names and settings, all of them already parsed.
#[derive(Debug, Clone)]
pub struct Reservation {
    /// From [`super::allocate_ids`].
    pub id: TenantId,
    /// The tenant's name; may repeat.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// The domain in A-label form.
    pub domain: String,
    /// The schema it will get.
    pub schema: SchemaName,
    /// The role it will get.
    pub role: RoleName,
    /// The caller's own id for it.
    pub external_id: Option<String>,
    /// Features, limits and metadata, defaults filled in.
    pub settings: Settings,
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
    let reserved = sqlx::query_file_scalar!(
        "queries/tenants/reserve.sql",
        &ids,
        &names as &[&str],
        &descriptions as &[Option<&str>],
        &domains as &[&str],
        &schemas as &[&str],
        &roles as &[&str],
        &externals as &[Option<&str>],
        &settings as &[Json<&Settings>],
    )
    .fetch_all(conn)
    .await?;
    Ok(reserved.into_iter().map(TenantId::new).collect())
}
