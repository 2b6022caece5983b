//! Reserves the names of tenants, and says which of them are taken.

use std::collections::HashMap;

use domain::{
    InstallationId, ItemError, NewTenant, RoleName, SchemaName, SchemaNameError, TenantId, codes,
};
use sqlx::PgConnection;
use store::tenants::{self, Conflict, Reservation, Wanted};

/// The names `tenant` gets as tenant `id`; a schema's name that is left out begins with `prefix`.
///
/// # Errors
/// When `prefix` makes no schema name.
pub fn reservation(
    prefix: &str,
    installation: &InstallationId,
    id: TenantId,
    tenant: NewTenant,
) -> Result<Reservation, SchemaNameError> {
    let schema = match tenant.schema {
        Some(schema) => schema,
        None => SchemaName::derive(prefix, &tenant.name, id)?,
    };
    Ok(Reservation {
        id,
        name: tenant.name.as_str().to_owned(),
        description: tenant.description,
        domain: tenant.domain.as_str().to_owned(),
        schema,
        role: RoleName::of(installation, id),
        external_id: tenant.external_id.map(|id| id.as_str().to_owned()),
        settings: tenant.settings,
        labels: tenant.labels,
    })
}

/// Reserves what is free; for the rest, says what of it is taken. In the order of `wanted`.
pub async fn reserve_all(
    conn: &mut PgConnection,
    wanted: Vec<Reservation>,
) -> sqlx::Result<Vec<Result<Reservation, ItemError>>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let reserved = tenants::reserve(conn, &wanted).await?;
    let refused = wanted.iter().filter(|it| !reserved.contains(&it.id)).map(|it| Wanted {
        id: it.id,
        domain: it.domain.clone(),
        schema: it.schema.as_str().to_owned(),
        external_id: it.external_id.clone(),
    });
    let conflicts = conflicts(conn, &refused.collect::<Vec<_>>()).await?;
    let outcome = |it: Reservation| match conflicts.get(&it.id) {
        None => Ok(it),
        Some(conflict) if conflict.id => Err(id_taken(it.id)),
        Some(conflict) => Err(taken(*conflict)),
    };
    Ok(wanted.into_iter().map(outcome).collect())
}

/// What of `refused` is taken; asks only if there are any.
pub(super) async fn conflicts(
    conn: &mut PgConnection,
    refused: &[Wanted],
) -> sqlx::Result<HashMap<TenantId, Conflict>> {
    if refused.is_empty() { Ok(HashMap::new()) } else { tenants::conflicts(conn, refused).await }
}

/// A fresh id that a row has: the sequence is behind, as after a logical replication, which copies
/// no sequences.
fn id_taken(id: TenantId) -> ItemError {
    let message = format!(
        "tenant id {id} exists already: the sequence of ids is behind. An operator has to run \
         `tenantry doctor --fix ids_behind`; then retry"
    );
    ItemError { retryable: true, ..ItemError::rejected(codes::ID_TAKEN, message) }
}

/// Says which name is taken, and never by whom.
pub(super) fn taken(conflict: Conflict) -> ItemError {
    let (code, what) = match conflict {
        Conflict { domain: true, .. } => (codes::DOMAIN_TAKEN, "domain"),
        Conflict { schema: true, .. } => (codes::SCHEMA_TAKEN, "schema_name"),
        Conflict { external_id: true, .. } => (codes::EXTERNAL_ID_TAKEN, "external_id"),
        Conflict { .. } => {
            let message = "a name was in use at the moment of submission and is free again";
            let error = ItemError::rejected(codes::NAME_TAKEN, message);
            return ItemError { retryable: true, ..error };
        }
    };
    ItemError::rejected(code, format!("the {what} is in use by another tenant"))
}
