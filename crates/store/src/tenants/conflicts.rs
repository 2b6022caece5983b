//! Says which name of a refused reservation is taken.

use std::collections::HashMap;

use domain::TenantId;
use sqlx::PgConnection;

/// The names a tenant wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its id, so that it is no conflict with itself.
    pub id: TenantId,
    /// The domain in A-label form.
    pub domain: String,
    pub schema: String,
    /// The caller's own id for it.
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
