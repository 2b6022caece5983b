//! Which spares there are.

use std::time::Duration;

use domain::{TenantId, Version};
use sqlx::PgConnection;

use super::Spare;

/// All of them, whatever they bear.
pub async fn every(conn: &mut PgConnection) -> sqlx::Result<Vec<TenantId>> {
    let ids = sqlx::query_scalar!("select id from tenantry.spares order by id");
    Ok(ids.fetch_all(conn).await?.into_iter().map(TenantId::new).collect())
}

/// At most `most` of the spares that bear `stamp`, the oldest first.
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
/// built at one of the `older` versions, or longer ago than `patience`. Younger ones at another
/// version may be what workers of another release still want.
pub async fn stale(
    conn: &mut PgConnection,
    stamp: &str,
    older: &[Version],
    patience: Duration,
    most: u32,
) -> sqlx::Result<Vec<TenantId>> {
    // spares of the release before have plain numbers, without leading zeros
    let older: Vec<String> =
        older.iter().flat_map(|v| [v.as_str().to_owned(), v.key().into_owned()]).collect();
    let ids = sqlx::query_scalar!(
        "select id from tenantry.spares
         where stamp <> $1
           and (head = any($2) or built_at < clock_timestamp() - make_interval(secs => $3))
         order by id limit $4",
        stamp,
        &older,
        patience.as_secs_f64(),
        i64::from(most),
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(TenantId::new).collect())
}
