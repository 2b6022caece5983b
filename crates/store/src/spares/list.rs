//! Which spares there are.

use std::time::Duration;

use domain::TenantId;
use sqlx::PgConnection;

use super::Spare;

/// All of them, whatever they bear.
///
/// # Errors
/// When the rows cannot be read.
pub async fn every(conn: &mut PgConnection) -> sqlx::Result<Vec<TenantId>> {
    let ids = sqlx::query_scalar!("select id from tenantry.spares order by id");
    Ok(ids.fetch_all(conn).await?.into_iter().map(TenantId::new).collect())
}

/// At most `most` of the spares that bear `stamp`, the oldest first.
///
/// # Errors
/// When the rows cannot be read.
pub async fn ready(conn: &mut PgConnection, stamp: &str, most: u32) -> sqlx::Result<Vec<Spare>> {
    let rows = sqlx::query!(
        "select id, fingerprint from tenantry.spares where stamp = $1 order by id limit $2",
        stamp,
        i64::from(most),
    )
    .fetch_all(conn)
    .await?;
    let spares = rows.into_iter().map(|row| {
        let (id, fingerprint) = (TenantId::new(row.id), row.fingerprint);
        Spare { id, fingerprint }
    });
    Ok(spares.collect())
}

/// At most `most` of the spares that nobody will get: they bear another stamp than this, and were
/// built at an older version than `head`, or longer ago than `patience`. Younger ones at this
/// version or a newer one may be what workers of another release still want.
///
/// # Errors
/// When the rows cannot be read.
pub async fn stale(
    conn: &mut PgConnection,
    stamp: &str,
    head: i64,
    patience: Duration,
    most: u32,
) -> sqlx::Result<Vec<TenantId>> {
    let ids = sqlx::query_scalar!(
        "select id from tenantry.spares
         where stamp <> $1
           and (head < $2 or built_at < clock_timestamp() - make_interval(secs => $3))
         order by id limit $4",
        stamp,
        head,
        patience.as_secs_f64(),
        i64::from(most),
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(TenantId::new).collect())
}
