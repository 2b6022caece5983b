//! The fence of stages on another server than the control database's.
//!
//! There no transaction can check the item's row. So each item has a row in the tenant database, with the
//! highest claim token that came there and the stages that are committed there. A claim raises it first, in
//! a commit of its own: from then on no stage of an earlier claim commits. A stage locks the row first and
//! requires its own token last. The control database's checkpoint follows from it.

use std::collections::HashMap;

use sqlx::{PgConnection, PgPool, types::Json};
use store::{StageLimits, checkpoints::Noted, items::Claim};

/// The table of fences, in a schema that no tenant reaches.
pub const TABLE: &str = "
    create schema if not exists tenantry;
    create table if not exists tenantry.stage_fences (
        item_id   bigint primary key,
        -- the highest claim token that came here
        attempt   int not null,
        -- committed and not undone, each with what its steps noted
        stages    jsonb not null default '{}',
        raised_at timestamptz not null default now()
    )";

/// Makes the table in a tenant database.
pub async fn install(pool: &PgPool) -> sqlx::Result<()> {
    sqlx::raw_sql(TABLE).execute(pool).await.map(drop)
}

/// Raises the fence to the claim's token, in a commit of its own, and says which stages are committed
/// there, and what their steps noted. `None` when a later claim was there first.
pub(crate) async fn raise(
    conn: &mut PgConnection,
    claim: &Claim,
) -> sqlx::Result<Option<HashMap<String, Noted>>> {
    let stages: Option<Json<_>> = sqlx::query_scalar(
        "insert into tenantry.stage_fences as f (item_id, attempt) values ($1, $2)
         on conflict (item_id) do update set attempt = excluded.attempt, raised_at = now()
         where f.attempt <= excluded.attempt
         returning stages",
    )
    .bind(claim.item.get())
    .bind(claim.attempt)
    .fetch_optional(conn)
    .await?;
    Ok(stages.map(|Json(stages)| stages))
}

/// The first statement of a stage there: sets its limits and locks the fence. False when it is another
/// claim's.
pub(crate) async fn open(
    conn: &mut PgConnection,
    claim: &Claim,
    limits: StageLimits,
) -> sqlx::Result<bool> {
    let token: Option<i32> = sqlx::query_scalar(
        "with limits as materialized (
             select set_config('statement_timeout', $2, true), set_config('lock_timeout', $3, true),
                    set_config('idle_in_transaction_session_timeout', $4, true)
         )
         select f.attempt from limits, tenantry.stage_fences f where f.item_id = $1 for update of f",
    )
    .bind(claim.item.get())
    .bind(limits.statement.as_millis().to_string())
    .bind(limits.lock.as_millis().to_string())
    .bind(limits.silence.as_millis().to_string())
    .fetch_optional(conn)
    .await?;
    Ok(token == Some(claim.attempt))
}

/// The last statement of a stage there, if the token still holds: the checkpoint with what the steps `noted`,
/// or, where that is `None`, its end.
pub(crate) async fn close(
    conn: &mut PgConnection,
    claim: &Claim,
    stage: &str,
    noted: Option<&Noted>,
) -> sqlx::Result<bool> {
    let closed = sqlx::query(
        "update tenantry.stage_fences
         set stages = case when $4::jsonb is null then stages - $3
                           else stages || jsonb_build_object($3, $4) end
         where item_id = $1 and attempt = $2",
    )
    .bind(claim.item.get())
    .bind(claim.attempt)
    .bind(stage)
    .bind(noted.map(Json))
    .execute(conn)
    .await?;
    Ok(closed.rows_affected() == 1)
}
