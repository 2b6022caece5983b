//! Records spares that were built.

use domain::TenantId;
use sqlx::PgConnection;

/// Records `spares`, built at version `head` under `stamp`: in the transaction that built them.
///
/// # Errors
/// When the rows cannot be written.
pub async fn record(
    conn: &mut PgConnection,
    spares: &[TenantId],
    stamp: &str,
    head: i64,
) -> sqlx::Result<()> {
    let ids: Vec<i64> = spares.iter().map(|id| id.get()).collect();
    sqlx::query!(
        "insert into tenantry.spares (id, stamp, head) select id, $2, $3 from unnest($1::bigint[]) as id",
        &ids,
        stamp,
        head,
    )
    .execute(conn)
    .await?;
    Ok(())
}
