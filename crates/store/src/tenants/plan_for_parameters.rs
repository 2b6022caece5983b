//! Has the planner look at parameters.

use sqlx::PgConnection;

/// Has the rest of this transaction planned for the parameters it is given.
///
/// A list with optional filters has no plan that is good for all of them: after a few runs of a
/// prepared statement PostgreSQL settles on one that reads the whole fleet to find a rare state.
///
/// # Errors
/// When the setting cannot be made.
pub async fn plan_for_parameters(conn: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("select set_config('plan_cache_mode', 'force_custom_plan', true)")
        .fetch_one(conn)
        .await?;
    Ok(())
}
