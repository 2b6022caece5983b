//! Records the version a tenant's schema stands at.

use domain::{TenantId, Version};
use sqlx::PgConnection;

/// Sets the version of an active tenant; one that stands there already keeps its `updated_at`. False when it is not active any more: then nothing may
/// have been done to its schema either, so roll back.
///
/// # Errors
/// When the statement fails.
pub async fn set_version(
    conn: &mut PgConnection,
    tenant: TenantId,
    version: Option<&Version>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update tenantry.tenants
         set migration_version = $2,
             updated_at = case when migration_version is distinct from $2
                               then clock_timestamp() else updated_at end
         where id = $1 and state = 'active'",
        tenant.get(),
        version.map(Version::as_str),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_tenant_that_stands_there_already_keeps_its_time_of_change() {
        let db = harness::fresh_db().await;
        let mut conn = db.pool.acquire().await.unwrap();
        let id: i64 = sqlx::query_scalar(
            "insert into tenantry.tenants (name, domain, schema_name, role_name, state,
                                           migration_version, updated_at)
             values ('A', 'a.example.com', 's', 'r', 'active', '2', '2020-01-01') returning id",
        )
        .fetch_one(&mut *conn)
        .await
        .unwrap();
        let year = "select extract(year from updated_at)::int from tenantry.tenants";

        let same = set_version(&mut conn, TenantId::new(id), Some(&"2".into())).await.unwrap();
        let after_same: i32 = sqlx::query_scalar(year).fetch_one(&mut *conn).await.unwrap();
        let moved = set_version(&mut conn, TenantId::new(id), Some(&"3".into())).await.unwrap();
        let after_move: i32 = sqlx::query_scalar(year).fetch_one(&mut *conn).await.unwrap();

        assert!(same && moved);
        assert_eq!(after_same, 2020);
        assert_ne!(after_move, 2020);
    }
}
