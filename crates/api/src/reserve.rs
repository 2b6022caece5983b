//! Reserves the names of tenants, and says which of them are taken.

use domain::{InstallationId, ItemError, NewItem, Request};
use engine::control::{reservation, reserve_all};
use sqlx::PgConnection;
use store::tenants::{self, Reservation};

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
                let prefix = &cx.settings().tenants.schema_prefix;
                let names = reservation(prefix, installation, id, tenant);
                wanted.push(names.map_err(Problem::internal)?);
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
