//! Reserves the names of tenants, and says which of them are taken.

use std::collections::HashMap;

use domain::{
    InstallationId, ItemError, NewItem, NewTenant, Request, RoleName, SchemaName, TenantId, codes,
};
use sqlx::PgConnection;
use store::tenants::{self, Conflict, Reservation, Wanted};

use crate::{context::Context, problem::Problem};

/// An item whose outcome at admission is decided.
pub(crate) struct Decided {
    /// Its place in the request, from 0.
    pub(crate) index: u32,
    /// What the caller sent.
    pub(crate) request: Request,
    /// The names reserved for it, or why there are none.
    pub(crate) outcome: Result<Reservation, ItemError>,
}

/// Reserves the names of those of `items` that are good and free. In their order.
///
/// # Errors
/// 503 when the database does not answer.
pub(crate) async fn reserve(
    conn: &mut PgConnection,
    cx: &Context,
    installation: &InstallationId,
    items: Vec<NewItem>,
) -> Result<Vec<Decided>, Problem> {
    let good = items.iter().filter(|item| item.outcome.is_ok()).count();
    let mut ids = tenants::allocate_ids(conn, good).await?.into_iter();
    let mut wanted = Vec::with_capacity(good);
    let mut decided = Vec::with_capacity(items.len());
    for NewItem { index, request, outcome } in items {
        let refused = match outcome {
            Ok(tenant) => {
                let id = ids.next().expect("an id was taken for every good item");
                wanted.push(reservation(cx, installation, id, tenant)?);
                None
            }
            Err(error) => Some(error),
        };
        decided.push((index, request, refused));
    }
    let mut reserved = reserve_all(conn, wanted).await?.into_iter();
    let decided = decided.into_iter().map(|(index, request, refused)| {
        let outcome = match refused {
            Some(error) => Err(error),
            None => reserved.next().expect("every good item was reserved or refused"),
        };
        Decided { index, request, outcome }
    });
    Ok(decided.collect())
}

/// The names `tenant` gets as tenant `id`.
///
/// # Errors
/// 500 when the configured prefix makes no schema name.
pub(crate) fn reservation(
    cx: &Context,
    installation: &InstallationId,
    id: TenantId,
    tenant: NewTenant,
) -> Result<Reservation, Problem> {
    let schema = match tenant.schema {
        Some(schema) => schema,
        None => SchemaName::derive(&cx.settings().tenants.schema_prefix, &tenant.name, id)
            .map_err(Problem::internal)?,
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
    })
}

/// Reserves what is free; for the rest, says what of it is taken. In the order of `wanted`.
///
/// # Errors
/// 503 when the database does not answer.
pub(crate) async fn reserve_all(
    conn: &mut PgConnection,
    wanted: Vec<Reservation>,
) -> Result<Vec<Result<Reservation, ItemError>>, Problem> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let reserved = tenants::reserve(conn, &wanted).await?;
    let refused: Vec<Wanted> =
        wanted.iter().filter(|w| !reserved.contains(&w.id)).map(names_of).collect();
    let conflicts = conflicts(conn, &refused).await?;
    Ok(wanted
        .into_iter()
        .map(|w| match conflicts.get(&w.id) {
            None => Ok(w),
            Some(conflict) if conflict.id => Err(id_taken(w.id)),
            Some(conflict) => Err(taken(*conflict)),
        })
        .collect())
}

/// What of `refused` is taken; asks only if there are any.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn conflicts(
    conn: &mut PgConnection,
    refused: &[Wanted],
) -> sqlx::Result<HashMap<TenantId, Conflict>> {
    if refused.is_empty() { Ok(HashMap::new()) } else { tenants::conflicts(conn, refused).await }
}

/// A fresh id that a row has: the sequence is behind, as after a logical replication, which copies none.
fn id_taken(id: TenantId) -> ItemError {
    let message = format!(
        "tenant id {id} exists already: the sequence of ids is behind. An operator has to run \
         `tenantry doctor --fix ids_behind`; then retry"
    );
    ItemError { retryable: true, ..ItemError::rejected(codes::ID_TAKEN, message) }
}

fn names_of(reservation: &Reservation) -> Wanted {
    Wanted {
        id: reservation.id,
        domain: reservation.domain.clone(),
        schema: reservation.schema.as_str().to_owned(),
        external_id: reservation.external_id.clone(),
    }
}

/// Says which name is taken, and never by whom.
pub(crate) fn taken(conflict: Conflict) -> ItemError {
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
