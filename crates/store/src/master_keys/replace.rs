//! Makes another master key the installation's.

use sqlx::PgConnection;

/// Makes `id` the current fingerprint. Run it in a transaction: the two statements belong together.
pub async fn replace(conn: &mut PgConnection, id: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "update tenantry.master_keys set retired_at = clock_timestamp()
         where retired_at is null and id <> $1",
        id,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "insert into tenantry.master_keys (id) values ($1)
         on conflict (id) do update set retired_at = null",
        id,
    )
    .execute(conn)
    .await?;
    Ok(())
}
