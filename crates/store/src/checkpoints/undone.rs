//! Marks a stage as undone.

use sqlx::PgConnection;

use crate::items::Claim;

/// Records that `stage` was undone, in the transaction that undid it.
pub async fn undone(conn: &mut PgConnection, claim: &Claim, stage: &str) -> sqlx::Result<()> {
    sqlx::query_file!("queries/checkpoints/undone.sql", claim.item.get(), stage)
        .execute(conn)
        .await?;
    Ok(())
}
