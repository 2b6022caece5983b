//! Checkpoints: the committed stages of an item.

use domain::{ItemId, ItemState};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{PgConnection, types::Json};

use crate::items::Claim;

/// The stages of `item` that are committed and not undone, in no order.
pub async fn committed(conn: &mut PgConnection, item: ItemId) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        "select stage from tenantry.checkpoints where item_id = $1 and undone_at is null",
        item.get(),
    )
    .fetch_all(conn)
    .await
}

/// One step of a stage as the results show it.
#[derive(Debug, Clone, Serialize)]
pub struct StepRecord {
    pub name: &'static str,
    /// `done` or `undone`.
    pub state: &'static str,
    /// How long it took, in milliseconds.
    pub duration_ms: f64,
}

/// What the steps of a stage say of an item.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Noted {
    /// What the item came to so far, as its kind says; `None`: what earlier stages noted.
    pub result: Option<Value>,
    /// What the audit log says was done to the tenant, with the result as its detail; `None`: nothing was.
    pub action: Option<String>,
    /// What of it names the customer, for the audit log's row; `None`: nothing does.
    #[serde(default)]
    pub personal: Option<Value>,
}

/// Records `stage` as committed by `claims` and takes their items to `next` (`running` while stages
/// are left, then `built` or `succeeded`). What its steps `noted` of each item stands in the same place of
/// that list; an empty list: nothing. One statement, the last one of the stage's transaction.
/// False when one of the claims is no longer ours; the transaction must then be rolled back.
pub async fn record(
    conn: &mut PgConnection,
    claims: &[Claim],
    stage: &str,
    (steps, noted): (&[StepRecord], &[Noted]),
    next: ItemState,
) -> sqlx::Result<bool> {
    let (items, attempts): (Vec<i64>, Vec<i32>) =
        claims.iter().map(|claim| (claim.item.get(), claim.attempt)).unzip();
    let (results, actions): (Vec<Option<&Value>>, Vec<Option<&str>>) =
        noted.iter().map(|noted| (noted.result.as_ref(), noted.action.as_deref())).unzip();
    let personal: Vec<Option<&Value>> = noted.iter().map(|noted| noted.personal.as_ref()).collect();
    let recorded = if actions.iter().all(Option::is_none) {
        sqlx::query_file!(
            "queries/checkpoints/record.sql",
            &items,
            &attempts,
            next.as_str(),
            next == ItemState::Running,
            next.is_final(),
            stage,
            Json(steps) as _,
            &results as &[Option<&Value>],
        )
        .execute(conn)
        .await?
    } else {
        sqlx::query_file!(
            "queries/checkpoints/record_told.sql",
            &items,
            &attempts,
            next.as_str(),
            next == ItemState::Running,
            next.is_final(),
            stage,
            Json(steps) as _,
            &results as &[Option<&Value>],
            &actions as &[Option<&str>],
            claims.first().map(|claim| format!("worker:{}", claim.worker)),
            &personal as &[Option<&Value>],
        )
        .execute(conn)
        .await?
    };
    Ok(recorded.rows_affected() == claims.len() as u64)
}

/// Records that `stage` was undone, in the transaction that undid it.
pub async fn undone(conn: &mut PgConnection, claim: &Claim, stage: &str) -> sqlx::Result<()> {
    sqlx::query_file!("queries/checkpoints/undone.sql", claim.item.get(), stage)
        .execute(conn)
        .await?;
    Ok(())
}
