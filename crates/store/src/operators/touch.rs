//! Records that a token was used.

use domain::OperatorId;
use sqlx::PgConnection;

/// Sets the token's last use to now, at most once a minute.
pub async fn touch(conn: &mut PgConnection, id: OperatorId) -> sqlx::Result<()> {
    sqlx::query!(
        "update tenantry.operator_tokens set last_used_at = now()
         where id = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')",
        id.get(),
    )
    .execute(conn)
    .await?;
    Ok(())
}
