//! Records spares that were built.

use domain::{TenantId, Version};
use sqlx::PgConnection;

/// Records `spares`, each with its fingerprint, built at version `head` under `stamp`: in the
/// transaction that built them.
pub async fn record(
    conn: &mut PgConnection,
    spares: &[TenantId],
    fingerprints: &[String],
    stamp: &str,
    head: Option<&Version>,
) -> sqlx::Result<()> {
    let ids: Vec<i64> = spares.iter().map(|id| id.get()).collect();
    sqlx::query!(
        "insert into tenantry.spares (id, fingerprint, stamp, head)
         select id, fingerprint, $3, $4 from unnest($1::bigint[], $2::text[]) as s (id, fingerprint)",
        &ids,
        fingerprints,
        stamp,
        head.map_or("", Version::as_str),
    )
    .execute(conn)
    .await?;
    Ok(())
}
