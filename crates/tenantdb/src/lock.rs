//! One tenant is worked on by one transaction at a time.

use domain::TenantId;
use sqlx::{AssertSqlSafe, PgConnection, SqlSafeStr, SqlStr};

/// First key of every lock of ours: keeps clear of locks that tenants and others take.
const CLASS: i32 = 0x7E4A;

/// First key of the lock that bootstraps take, in a class of its own.
pub(crate) const BOOTSTRAP_CLASS: i32 = 0x7E4B;

/// Waits until no other transaction works on the tenant; held until this one ends. One message.
///
/// # Errors
/// When the wait ends in a `lock_timeout`, or the connection fails.
pub async fn tenant(conn: &mut PgConnection, tenant: TenantId) -> sqlx::Result<()> {
    sqlx::query("select pg_advisory_xact_lock($1, $2)")
        .bind(CLASS)
        .bind(key(tenant))
        .execute(conn)
        .await?;
    Ok(())
}

/// The text that begins a transaction and takes the tenant's lock in the same message, for
/// `pool.begin_with(..)`.
pub fn begin(tenant: TenantId) -> SqlStr {
    AssertSqlSafe(format!("begin; select pg_advisory_xact_lock({CLASS}, {})", key(tenant)))
        .into_sql_str()
}

/// Folds the id into the second key. Two tenants may share a key: they then wait for each
/// other, which costs time and nothing else.
#[expect(clippy::cast_possible_truncation, reason = "the fold is meant to lose bits")]
fn key(tenant: TenantId) -> i32 {
    let id = tenant.get();
    (id ^ (id >> 32)) as i32
}
