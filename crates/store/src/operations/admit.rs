//! Records an operation: of tenants to be made, or on tenants that are there.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{
    Kind, Mode, OperationId, OperationState, OperatorId, Progress, Rollout, Selector, TenantId,
    TenantState,
};
use serde_json::{Value, json, value::RawValue};
use sqlx::{PgConnection, types::Json};

use crate::{
    decode::{column, natural, unreadable},
    rollouts::{self, PlannedWave},
    tenants::Place,
};

/// An operation about to be recorded.
#[derive(Debug, Clone, Copy)]
pub struct NewOperationRow {
    /// Its id, minted by the caller.
    pub id: OperationId,
    /// One that makes its tenants.
    pub kind: Kind,
    pub mode: Mode,
    /// How many items it has; at least 1.
    pub total: usize,
    pub created_by: Option<OperatorId>,
    /// Not to be set going before; `None`: at once.
    pub run_at: Option<DateTime<Utc>>,
    /// How long it has from its start until what is left of it is failed.
    pub timeout: Duration,
}

/// Records `operation` in state `queued`. An operation none of whose items was accepted is ended by
/// [`super::settle`] like any other.
pub async fn insert(conn: &mut PgConnection, operation: NewOperationRow) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into tenantry.operations (id, kind, state, mode, total, created_by, run_at, deadline_at)
         values ($1, $7, 'queued', $2, $3, $4, $5, coalesce($5, now()) + make_interval(secs => $6))",
        operation.id.get(),
        operation.mode.as_str(),
        i32::try_from(operation.total).unwrap_or(i32::MAX),
        operation.created_by.map(OperatorId::get),
        operation.run_at,
        operation.timeout.as_secs_f64(),
        operation.kind.as_str(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// An operation that is asked for, and the tenants that it is about.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// Minted by the caller.
    pub id: OperationId,
    pub kind: Kind,
    /// What the kind has to know.
    pub params: &'a Value,
    /// These tenants only.
    pub tenants: Option<&'a [TenantId]>,
    /// What the item of each of them has to know beside `params`; `None`: nothing.
    pub inputs: Option<&'a [Box<RawValue>]>,
    /// Those that all of it fits.
    pub selector: &'a Selector,
    /// Where a schema has the version that `selector` asks to be below ([`crate::tenants::places_with`]).
    pub with_version: &'a [Place],
    /// Leaves out tenants whose schema is at this place, unless an open migration is to move them away.
    pub but_at: Option<&'a Place>,
    /// Not to be set going before; `None`: at once.
    pub run_at: Option<DateTime<Utc>>,
    /// In which waves; `None`: all at once.
    pub rollout: Option<&'a Rollout>,
    pub created_by: Option<OperatorId>,
}

/// The tenants that an operation is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    pub tenants: u64,
    /// SHA-256 of the kind, its params and their ids in order, in hexadecimal: what does anything else, or
    /// does it to others, has another one. Of a rollout, of its waves and their tenants too.
    pub digest: String,
    /// Those of them that are protected from the deletion that is asked for; with one, nothing is recorded.
    pub protected: u64,
    /// The first 20, by id.
    pub sample: Vec<(TenantId, String)>,
    /// Of a rollout, its waves.
    pub waves: Vec<PlannedWave>,
    /// Whether the operation was recorded.
    pub admitted: bool,
}

/// Says which tenants the operation is about, and if it is to `write`, records the operation and one item
/// for each of them, unless there are none, or `digest` is given and is another one. One statement; the
/// caller gives the items their jobs in the same transaction.
pub async fn admit(
    conn: &mut PgConnection,
    asked: &Asked<'_>,
    digest: Option<&str>,
    write: bool,
) -> sqlx::Result<Selected> {
    let selector = asked.selector;
    let in_selector =
        |state: &&TenantState| selector.status.is_empty() || selector.status.contains(*state);
    let states: Vec<&str> =
        asked.kind.states().iter().filter(in_selector).map(|state| state.as_str()).collect();
    let ids: Option<Vec<i64>> =
        asked.tenants.map(|tenants| tenants.iter().map(|tenant| tenant.get()).collect());
    let inputs: Option<Vec<Json<&RawValue>>> =
        asked.inputs.map(|inputs| inputs.iter().map(|input| Json(&**input)).collect());
    let label = selector.label.as_deref().and_then(domain::label_pair);
    let label = label.map(|(key, value)| json!({ key: value }));
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
        selector.version_below.is_some().then(|| texts(asked.with_version)) as Option<Vec<String>>,
        selector.name_prefix.as_deref().map(crate::tenants::prefix_pattern),
        selector.created_before,
        external_ids as Option<&[String]>,
        asked.but_at.map(|place| place.set_hash.as_str()),
        asked.but_at.and_then(|place| place.version.as_ref()).map(domain::Version::as_str),
        asked.kind.interrupts(),
        inputs as _,
        label,
        asked.rollout.map(rollouts::prepared),
    )
    .fetch_one(conn)
    .await?;
    let waves = row.waves.map(serde_json::from_value).transpose().map_err(unreadable)?;
    Ok(Selected {
        waves: waves.unwrap_or_default(),
        tenants: natural(row.tenants),
        digest: row.digest,
        protected: natural(row.protected),
        sample: row.sample_ids.into_iter().map(TenantId::new).zip(row.sample_names).collect(),
        admitted: row.admitted,
    })
}

/// The places as the statement compares them; a set's hash has no space.
fn texts(places: &[Place]) -> Vec<String> {
    let text = |it: &Place| Some(format!("{} {}", it.set_hash, it.version.as_ref()?));
    places.iter().filter_map(text).collect()
}

/// `queued → rolled_back` in the transaction that records the operation: item `culprit` cannot become
/// a tenant, so none of them will. Writes the totals and the one `operation.finished` event too.
pub async fn end_refused(
    conn: &mut PgConnection,
    operation: OperationId,
    culprit: u32,
    progress: Progress,
) -> sqlx::Result<()> {
    let state = OperationState::RolledBack;
    sqlx::query_file!(
        "queries/operations/end_refused.sql",
        operation.get(),
        i32::try_from(culprit).unwrap_or(i32::MAX),
        serde_json::json!({ "operation_id": operation, "state": state, "progress": progress }),
        column(progress.failed),
        column(progress.cancelled),
    )
    .execute(conn)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of the registry this transaction has read so far.
    async fn rows_read(conn: &mut PgConnection) -> i64 {
        sqlx::query_scalar(
            "select seq_tup_read + coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables
             where schemaname = 'tenantry' and relname = 'tenants'",
        )
        .fetch_one(conn)
        .await
        .unwrap()
    }

    #[tokio::test]
    async fn the_beginning_of_a_name_selects_a_few_of_a_large_fleet_and_reads_no_others() {
        let db = harness::fresh_db().await;
        sqlx::query(
            "insert into tenantry.tenants (name, domain, schema_name, role_name, state)
             select 'Ångström ' || n, 'a' || n || '.example', 's' || n, 'r' || n, 'active'
             from generate_series(1, 20000) as n",
        )
        .execute(&db.pool)
        .await
        .unwrap();
        sqlx::query("analyze tenantry.tenants").execute(&db.pool).await.unwrap();
        let mut tx = db.pool.begin().await.unwrap();
        let name_prefix = Some("ÅNGSTRöM 1234".to_owned());
        let selector = Selector { name_prefix, ..Selector::default() };
        let asked = Asked {
            id: OperationId::mint(),
            kind: Kind::Suspend,
            params: &json!({}),
            tenants: None,
            inputs: None,
            selector: &selector,
            with_version: &[],
            but_at: None,
            run_at: None,
            rollout: None,
            created_by: None,
        };

        // Often enough for PostgreSQL to consider a plan that ignores the parameters.
        for _ in 0..8 {
            let before = rows_read(&mut tx).await;
            let selected = admit(&mut tx, &asked, None, false).await.unwrap();
            let read = rows_read(&mut tx).await - before;

            assert_eq!(selected.tenants, 11);
            assert!(read < 200, "{read} rows read");
        }
    }
}
