//! Takes spares for tenants.

use domain::{TenantId, Version};
use sqlx::PgConnection;

use crate::tenants::Place;

/// A spare in the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spare {
    /// The id in its names and marks.
    pub id: TenantId,
    /// What its schema's fingerprint was when it was built.
    pub fingerprint: String,
}

/// Takes a spare that bears `stamp` for each of `tenants`, the oldest first, passing over those that other
/// transactions are taking; fewer if there are not so many. Writes the tenants' rows in the ledger: each has
/// the version of the set that the stamp stands for. The spares are the caller's once its transaction
/// commits. One statement.
pub async fn take(
    conn: &mut PgConnection,
    stamp: &str,
    tenants: &[TenantId],
    place: &Place,
) -> sqlx::Result<Vec<Spare>> {
    let ids: Vec<i64> = tenants.iter().map(|tenant| tenant.get()).collect();
    let rows = sqlx::query!(
        "with picked as materialized (
             select id from tenantry.spares where stamp = $1
             order by id limit cardinality($2::bigint[]) for update skip locked
         ), placed as (
             insert into tenantry.tenant_migrations (tenant_id, set_hash, version)
             select tenant, $3, $4 from unnest($2) as t (tenant)
             on conflict (tenant_id) do update
             set set_hash = excluded.set_hash, version = excluded.version, applied_at = now()
         )
         delete from tenantry.spares s using picked where s.id = picked.id
         returning s.id, s.fingerprint",
        stamp,
        &ids,
        place.set_hash,
        place.version.as_ref().map(Version::as_str),
    )
    .fetch_all(conn)
    .await?;
    let spares = rows.into_iter().map(|row| {
        let (id, fingerprint) = (TenantId::new(row.id), row.fingerprint);
        Spare { id, fingerprint }
    });
    Ok(spares.collect())
}
