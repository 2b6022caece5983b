//! Opens a stage's transaction: its limits, and the locks that make it the only one at work on
//! its tenants.

use std::time::Duration;

use domain::TenantId;
use sqlx::PgConnection;

/// How long a stage may wait and run.
#[derive(Debug, Clone, Copy)]
pub struct StageLimits {
    /// Longest any one statement may run.
    pub statement: Duration,
    /// Longest wait for a lock, the tenant's own included.
    pub lock: Duration,
    /// Longest the session may be silent within the transaction: a worker that was halted or cut
    /// off keeps the tenant's lock no longer than this. Shorter than `lock`, so that whoever
    /// takes over outwaits it.
    pub silence: Duration,
}

/// Sets the limits for the rest of the transaction and locks the tenants' rows of
/// `tenantry.tenant_locks`, in the order of their ids: the transaction's first statement, so that two
/// transactions wait for each other in one order. One round trip.
///
/// # Errors
/// 55P03 when another transaction works on one of the tenants for longer than the limit.
pub async fn open_stage(
    conn: &mut PgConnection,
    tenants: &[TenantId],
    limits: StageLimits,
) -> sqlx::Result<()> {
    let ids: Vec<i64> = tenants.iter().map(|tenant| tenant.get()).collect();
    // The limits come first: a target list is evaluated from left to right, a sub-select when it is
    // reached.
    let opened = sqlx::query!(
        r#"with locked as materialized (
               select tenant_id from tenantry.tenant_locks
               where tenant_id = any($4::bigint[]) order by tenant_id for update
           )
           select set_config('statement_timeout', $1, true) as a,
                  set_config('lock_timeout', $2, true) as b,
                  set_config('idle_in_transaction_session_timeout', $3, true) as c,
                  (select count(*) from locked) as "locked!""#,
        limits.statement.as_millis().to_string(),
        limits.lock.as_millis().to_string(),
        limits.silence.as_millis().to_string(),
        &ids,
    )
    .fetch_one(&mut *conn)
    .await?;
    if usize::try_from(opened.locked).is_ok_and(|locked| locked < tenants.len()) {
        lock_without_row(conn, &ids).await?;
    }
    Ok(())
}

/// Makes the rows that are missing and locks all again: a version before this one registered a
/// tenant, or a person deleted the row. An id without a tenant gets no row.
async fn lock_without_row(conn: &mut PgConnection, ids: &[i64]) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into tenantry.tenant_locks (tenant_id)
         select id from tenantry.tenants where id = any($1::bigint[]) order by id
         on conflict do nothing",
        ids,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "select tenant_id from tenantry.tenant_locks
         where tenant_id = any($1::bigint[]) order by tenant_id for update",
        ids,
    )
    .fetch_all(conn)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use super::*;

    /// Tenants 1 to `n`, whose rows of `tenant_locks` are not made.
    async fn tenants(pool: &PgPool, n: i32) {
        sqlx::query(
            "insert into tenantry.tenants (id, name, domain, schema_name, role_name)
             select i, 'T', 't' || i || '.test', 't' || i, 'r' || i from generate_series(1, $1) i",
        )
        .bind(n)
        .execute(pool)
        .await
        .unwrap();
    }

    async fn lock(conn: &mut PgConnection, ids: &[i64], lock_ms: u64) -> sqlx::Result<()> {
        let tenants: Vec<TenantId> = ids.iter().copied().map(TenantId::new).collect();
        let long = Duration::from_secs(60);
        let lock = Duration::from_millis(lock_ms);
        open_stage(conn, &tenants, StageLimits { statement: long, lock, silence: long }).await
    }

    fn sqlstate(result: sqlx::Result<()>) -> String {
        let error = result.unwrap_err();
        error.as_database_error().unwrap().code().unwrap().into_owned()
    }

    #[tokio::test]
    async fn a_second_transaction_waits_for_the_tenant_and_no_longer_than_its_limit() {
        let db = harness::fresh_db().await;
        tenants(&db.pool, 2).await;
        let (mut first, mut second) =
            (db.pool.begin().await.unwrap(), db.pool.begin().await.unwrap());
        lock(&mut first, &[1], 60_000).await.unwrap();

        let other = lock(&mut second, &[2], 50).await;
        let same = lock(&mut second, &[1], 50).await;

        other.unwrap();
        assert_eq!(sqlstate(same), "55P03");
        second.rollback().await.unwrap();
        first.commit().await.unwrap();
        let mut third = db.pool.begin().await.unwrap();
        lock(&mut third, &[1, 2], 50).await.unwrap();
    }

    #[tokio::test]
    async fn two_groups_that_name_their_tenants_in_opposite_orders_do_not_deadlock() {
        let db = harness::fresh_db().await;
        tenants(&db.pool, 40).await;
        let up: Vec<i64> = (1..=40).collect();
        let down: Vec<i64> = up.iter().rev().copied().collect();
        let again_and_again = async |ids: &[i64]| {
            for _ in 0..25 {
                let mut tx = db.pool.begin().await.unwrap();
                lock(&mut tx, ids, 60_000).await.unwrap();
                tx.commit().await.unwrap();
            }
        };

        tokio::join!(again_and_again(&up), again_and_again(&down));
    }

    #[tokio::test]
    async fn an_id_without_a_tenant_is_no_obstacle_and_gets_no_row() {
        let db = harness::fresh_db().await;
        let mut tx = db.pool.begin().await.unwrap();

        lock(&mut tx, &[7], 50).await.unwrap();

        let rows: i64 = sqlx::query_scalar("select count(*) from tenantry.tenant_locks")
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        assert_eq!(rows, 0);
    }
}
