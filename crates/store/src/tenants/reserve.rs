//! Reserves names in the registry.

use std::collections::HashSet;

use domain::{RoleName, SchemaName, TenantId};
use serde_json::Value;
use sqlx::PgConnection;

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
    pub settings: Value,
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
    let ids: Vec<i64> = ordered.iter().map(|r| r.id.get()).collect();
    let names: Vec<String> = ordered.iter().map(|r| r.name.clone()).collect();
    let descriptions: Vec<Option<String>> = ordered.iter().map(|r| r.description.clone()).collect();
    let domains: Vec<String> = ordered.iter().map(|r| r.domain.clone()).collect();
    let schemas: Vec<String> = ordered.iter().map(|r| r.schema.as_str().to_owned()).collect();
    let roles: Vec<String> = ordered.iter().map(|r| r.role.as_str().to_owned()).collect();
    let externals: Vec<Option<String>> = ordered.iter().map(|r| r.external_id.clone()).collect();
    let settings: Vec<Value> = ordered.iter().map(|r| r.settings.clone()).collect();
    let reserved = sqlx::query_file_scalar!(
        "queries/tenants/reserve.sql",
        &ids,
        &names,
        &descriptions as &[Option<String>],
        &domains,
        &schemas,
        &roles,
        &externals as &[Option<String>],
        &settings,
    )
    .fetch_all(conn)
    .await?;
    Ok(reserved.into_iter().map(TenantId::new).collect())
}
