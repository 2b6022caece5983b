//! What is done with one tenant's API keys reads that tenant's rows, however many tenants there are.

#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

use std::time::Duration;

use domain::{OperationId, TenantId};
use sqlx::PgConnection;
use store::api_keys::{self, MOST_LIVE, NewKey};

const TENANTS: i64 = 20_000;

/// Rows of keys, tenants and items that this transaction has read so far.
async fn rows_read(conn: &mut PgConnection) -> i64 {
    sqlx::query_scalar(
        "select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint from pg_stat_xact_user_tables
         where schemaname = 'tenantry' and relname in ('api_keys', 'tenants', 'operation_items')",
    )
    .fetch_one(conn)
    .await
    .unwrap()
}

/// The tenants of one large batch, each with a sealed key, and statistics of them.
async fn fleet(conn: &mut PgConnection) -> OperationId {
    let batch = OperationId::mint();
    for sql in [
        "insert into tenantry.operations (id, state, mode, total, finished_at)
         values ($1, 'completed', 'independent', $2, now())",
        "insert into tenantry.tenants (name, domain, schema_name, role_name, state)
         select 'T', 'd' || g, 's' || g, 'r' || g, 'active'
         from generate_series(1, $2) g where $1::uuid is not null",
        "insert into tenantry.operation_items (operation_id, idx, state, tenant_id, input)
         select $1, id, 'succeeded', id, '{}' from tenantry.tenants where id <= $2",
        "insert into tenantry.api_keys (tenant_id, operation_id, hash, prefix, last4, sealed, sealed_until)
         select id, $1, sha256(id::text::bytea), 'tk_', 'abcd', 'x', now() + interval '1 hour'
         from tenantry.tenants where id <= $2",
    ] {
        sqlx::query(sql).bind(batch.get()).bind(TENANTS).execute(&mut *conn).await.unwrap();
    }
    sqlx::query("analyze").execute(conn).await.unwrap();
    batch
}

fn new_key(hash: u8) -> NewKey<'static> {
    NewKey {
        tenant: TenantId::new(7),
        operation: None,
        hash: [hash; 32],
        prefix: "tk_",
        last4: "abcd",
        sealed: b"x",
        sealed_for: Duration::from_secs(60),
        valid_for: None,
    }
}

#[tokio::test]
async fn an_act_on_the_keys_of_one_tenant_reads_its_rows_alone() {
    let db = harness::fresh_db().await;
    let mut conn = db.pool.acquire().await.unwrap();
    let batch = fleet(&mut conn).await;
    let tenant = TenantId::new(7);
    let mut tx = db.pool.begin().await.unwrap();
    let before = rows_read(&mut tx).await;

    assert_eq!(api_keys::issue(&mut tx, &[new_key(1)], 1).await.unwrap(), 0);
    assert_eq!(api_keys::issue(&mut tx, &[new_key(2)], MOST_LIVE).await.unwrap(), 1);
    assert_eq!(api_keys::issue(&mut tx, &[new_key(3)], MOST_LIVE).await.unwrap(), 0);
    assert_eq!(api_keys::list(&mut tx, tenant, 0, 10).await.unwrap().len(), 2);
    let (id, _) = api_keys::by_hash(&mut tx, &[2; 32]).await.unwrap().unwrap();
    assert_eq!(api_keys::present(&mut tx, &[2; 32]).await.unwrap().unwrap().tenant, tenant);
    api_keys::touch(&mut tx, id).await.unwrap();
    assert_eq!(api_keys::reveal_of_tenant(&mut tx, tenant, 0, 10).await.unwrap().len(), 2);
    assert_eq!(
        api_keys::expire(&mut tx, &[tenant], Duration::ZERO).await.unwrap()[&tenant].len(),
        2
    );
    assert_eq!(api_keys::issue(&mut tx, &[new_key(4)], 1).await.unwrap(), 1);
    assert!(api_keys::revoke(&mut tx, tenant, id).await.unwrap());
    assert_eq!(api_keys::acknowledge_of_tenant(&mut tx, tenant).await.unwrap(), 2);
    let of_one = rows_read(&mut tx).await - before;
    let page = api_keys::reveal(&mut tx, batch, 100, 10).await.unwrap();
    let of_page = rows_read(&mut tx).await - before - of_one;

    assert_eq!(
        page.iter().map(|key| key.index).collect::<Vec<_>>(),
        (101..=110).map(Some).collect::<Vec<_>>()
    );
    assert!(of_one < 100, "{of_one} rows were read for one tenant");
    assert!(of_page < 100, "{of_page} rows were read for a page of ten");
}
