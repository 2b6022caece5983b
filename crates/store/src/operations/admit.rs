//! Records an operation on tenants that are there.

use chrono::{DateTime, Utc};
use domain::{Kind, OperationId, OperatorId, Selector, TenantId, TenantState};
use serde_json::Value;
use sqlx::PgConnection;

use crate::{decode::count, tenants::Place};

/// An operation about to be recorded, and the tenants that it is about.
#[derive(Debug, Clone)]
pub struct Admission<'a> {
    /// Its id, minted by the caller.
    pub id: OperationId,
    pub kind: Kind,
    /// What the kind has to know.
    pub params: &'a Value,
    pub created_by: Option<OperatorId>,
    /// Not to be set going before; `None`: at once.
    pub run_at: Option<DateTime<Utc>>,
    /// The states of tenants that the kind can be about.
    pub states: &'a [TenantState],
    pub tenants: Option<&'a [TenantId]>,
    /// Those that all of it fits.
    pub selector: &'a Selector,
    /// Without those whose schema is at this place.
    pub but_at: Option<&'a Place>,
}

/// The tenants that an operation is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    pub tenants: u64,
    /// SHA-256 of their ids in order, in hexadecimal: another set has another one.
    pub digest: String,
    /// The first 20, by id.
    pub sample: Vec<(TenantId, String)>,
    /// Whether the operation was recorded.
    pub admitted: bool,
}

/// Says which tenants the operation would be about.
pub async fn select(conn: &mut PgConnection, asked: &Admission<'_>) -> sqlx::Result<Selected> {
    run(conn, asked, None, false).await
}

/// Records the operation and one item for each of its tenants, unless there are none, or `digest` is given
/// and is not theirs. One statement; the caller gives the items their jobs in the same transaction.
pub async fn admit(
    conn: &mut PgConnection,
    asked: &Admission<'_>,
    digest: Option<&str>,
) -> sqlx::Result<Selected> {
    run(conn, asked, digest, true).await
}

async fn run(
    conn: &mut PgConnection,
    asked: &Admission<'_>,
    digest: Option<&str>,
    write: bool,
) -> sqlx::Result<Selected> {
    let selector = asked.selector;
    let in_selector =
        |state: &&TenantState| selector.status.is_empty() || selector.status.contains(*state);
    let states: Vec<&str> =
        asked.states.iter().filter(in_selector).map(|state| state.as_str()).collect();
    let ids: Option<Vec<i64>> =
        asked.tenants.map(|tenants| tenants.iter().map(|tenant| tenant.get()).collect());
    let external_ids = (!selector.external_ids.is_empty()).then_some(&*selector.external_ids);
    let row = sqlx::query_file!(
        "queries/operations/admit.sql",
        asked.id.get(),
        asked.kind.as_str(),
        asked.params,
        asked.created_by.map(OperatorId::get),
        asked.run_at,
        digest,
        write,
        &states as &[&str],
        ids as _,
        selector.feature,
        selector.version_below,
        selector.name_prefix.as_deref().map(crate::tenants::prefix_pattern),
        selector.created_before,
        external_ids as Option<&[String]>,
        asked.but_at.map(|place| place.set_hash.as_str()),
        asked.but_at.and_then(|place| place.version.as_ref()).map(domain::Version::as_str),
    )
    .fetch_one(conn)
    .await?;
    Ok(Selected {
        tenants: count(row.tenants),
        digest: row.digest,
        sample: row.sample_ids.into_iter().map(TenantId::new).zip(row.sample_names).collect(),
        admitted: row.admitted,
    })
}
