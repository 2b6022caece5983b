//! Reads how tenants are.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::{TenantId, TenantState};
use sqlx::PgConnection;

use crate::decode::decode;

/// The state of `tenant`, if there is such a tenant.
pub async fn state(conn: &mut PgConnection, tenant: TenantId) -> sqlx::Result<Option<TenantState>> {
    sqlx::query!("select state from tenantry.tenants where id = $1", tenant.get())
        .try_map(|row| decode(&row.state))
        .fetch_optional(conn)
        .await
}

/// Whether an item that has begun and not ended works on the tenant.
pub async fn is_held(conn: &mut PgConnection, tenant: TenantId) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select from tenantry.operation_items
               where tenant_id = $1 and started_at is not null and finished_at is null) as "is!""#,
        tenant.get(),
    )
    .fetch_one(conn)
    .await
}

/// The states of those of `tenants` that there are.
pub async fn states(
    conn: &mut PgConnection,
    tenants: &[TenantId],
) -> sqlx::Result<HashMap<TenantId, TenantState>> {
    let ids: Vec<i64> = tenants.iter().map(|tenant| tenant.get()).collect();
    let rows = sqlx::query!("select id, state from tenantry.tenants where id = any($1)", &ids)
        .fetch_all(conn)
        .await?;
    rows.into_iter().map(|r| Ok((TenantId::new(r.id), decode(&r.state)?))).collect()
}

/// Whether a suspension of the tenant is under way.
pub async fn is_being_suspended(conn: &mut PgConnection, tenant: TenantId) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select from tenantry.operation_items
               where tenant_id = $1 and interrupts and finished_at is null) as "is!""#,
        tenant.get(),
    )
    .fetch_one(conn)
    .await
}

/// A tenant's state and when it was last heard of.
#[derive(Debug, Clone)]
pub struct TenantStatus {
    pub name: String,
    pub state: TenantState,
    /// Whether a schema and a role of its names exist.
    pub is_there: bool,
    /// The newest tenant migration it has.
    pub migration_version: Option<String>,
    /// When its names were reserved.
    pub created_at: DateTime<Utc>,
    /// Whether it lacks a migration of the set that workers learnt last, whatever its place there.
    pub is_behind: bool,
    /// Whether its schema was not what the migrations make when it was last looked at.
    pub has_drifted: bool,
    /// When it was last looked at.
    pub checked_at: Option<DateTime<Utc>>,
    /// When one of its keys was last used, or its role last got a password.
    pub last_activity: Option<DateTime<Utc>>,
}

pub async fn status(conn: &mut PgConnection, id: TenantId) -> sqlx::Result<Option<TenantStatus>> {
    sqlx::query_file!("queries/tenants/status.sql", id.get())
        .try_map(|r| {
            Ok(TenantStatus {
                name: r.name,
                state: decode(&r.state)?,
                is_there: r.is_there,
                migration_version: r.migration_version,
                created_at: r.created_at,
                is_behind: r.is_behind,
                has_drifted: r.has_drifted,
                checked_at: r.checked_at,
                last_activity: r.last_activity,
            })
        })
        .fetch_optional(conn)
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETS: &str = "
        insert into tenantry.migration_sets (hash, versions, descriptions, checksums) values
            ('older', '{1,2}', '{a,b}', '{A,B}'),
            ('newest', '{1,2,3}', '{a,b,c}', '{A,B,C}'),
            ('holed', '{1,3}', '{a,c}', '{A,C}'),
            ('spelled', '{0001,0002,3}', '{a,b,c}', '{A,B,C}'),
            ('edited', '{1,2,3}', '{a,b,c}', '{A,X,C}');
        insert into tenantry.promises (set_hash, server_major, survey_format, shape, learnt_at) values
            ('older', 15, 1, '{}', now() - interval '1 day'), ('newest', 15, 1, '{}', now());
        insert into tenantry.tenants (name, domain, schema_name, role_name, state)
        values ('A', 'a.example.com', 's', 'r', 'active')";

    #[tokio::test]
    async fn a_tenant_is_behind_while_it_lacks_a_migration_wherever_its_place_is() {
        let db = harness::fresh_db().await;
        sqlx::raw_sql(SETS).execute(&db.pool).await.unwrap();
        let mut conn = db.pool.acquire().await.unwrap();
        let id = TenantId::new(1);
        let behind = status(&mut conn, id).await.unwrap().unwrap();
        assert_eq!((behind.is_behind, behind.migration_version), (true, None));

        for (set, version, is_behind) in [
            ("newest", Some("3"), false),
            ("newest", Some("2"), true),
            ("newest", None, true),
            ("older", Some("2"), true),
            ("holed", Some("3"), true),
            ("spelled", Some("3"), false),
            ("spelled", Some("0002"), true),
            ("edited", Some("3"), false),
        ] {
            sqlx::query(
                "insert into tenantry.tenant_migrations values (1, $1, $2)
                 on conflict (tenant_id) do update set set_hash = $1, version = $2",
            )
            .bind(set)
            .bind(version)
            .execute(&mut *conn)
            .await
            .unwrap();

            let found = status(&mut conn, id).await.unwrap().unwrap();

            let told = (found.is_behind, found.migration_version.as_deref());
            assert_eq!(told, (is_behind, version), "{set} {version:?}");
        }
    }
}
