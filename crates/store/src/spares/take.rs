//! Takes spares for tenants.

use domain::TenantId;
use sqlx::PgConnection;

/// A spare in the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spare {
    /// The id in its names and marks.
    pub id: TenantId,
    /// What its schema's fingerprint was when it was built.
    pub fingerprint: String,
}

/// Takes at most `most` spares that bear `stamp`, the oldest first, passing over those that other
/// transactions are taking. They are the caller's once its transaction commits. One statement.
///
/// # Errors
/// When the statement fails.
pub async fn take(conn: &mut PgConnection, stamp: &str, most: usize) -> sqlx::Result<Vec<Spare>> {
    let rows = sqlx::query!(
        "with picked as materialized (
             select id from tenantry.spares where stamp = $1
             order by id limit $2 for update skip locked
         )
         delete from tenantry.spares s using picked where s.id = picked.id
         returning s.id, s.fingerprint",
        stamp,
        i64::try_from(most).unwrap_or(i64::MAX),
    )
    .fetch_all(conn)
    .await?;
    let spares = rows.into_iter().map(|row| {
        let (id, fingerprint) = (TenantId::new(row.id), row.fingerprint);
        Spare { id, fingerprint }
    });
    Ok(spares.collect())
}
