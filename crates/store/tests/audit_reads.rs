//! The audit log and a tenant's history are read newest first, and a page reads a page of rows.

#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

use chrono::{DateTime, Utc};
use domain::{OperationId, TenantId};
use sqlx::PgConnection;
use store::{
    Place,
    audit::{self, Filter},
    history::{self, Entry},
};

/// Rows in the log.
const MANY: i64 = 20_000;

/// Rows of a page.
const PAGE: i64 = 20;

/// Most rows that a page may read: the log has five partitions, and each has its first row looked at.
const MOST: i64 = 3 * PAGE;

const OPERATION: &str = "00000000-0000-7000-8000-000000000007";

/// Rows of three months and of the default partition. One actor has nearly all, with one action of a kind that is
/// rare; others have few.
async fn a_large_log() -> harness::Db {
    let db = harness::fresh_db().await;
    sqlx::raw_sql(
        "select tenantry.make_audit_month('2026-06-01'), tenantry.make_audit_month('2026-07-01'),
             tenantry.make_audit_month('2026-08-01')",
    )
    .execute(&db.pool)
    .await
    .unwrap();
    sqlx::query(
        "insert into tenantry.audit_log (at, actor, action, tenant_id, operation_id, on_behalf_of)
         select '2026-05-20'::timestamptz + n * interval '8 min',
             case n % 1000 when 1 then 'operator:rare' else 'worker:w' end,
             case n % 1000 when 2 then 'rare.action' else 'tenant.activated' end,
             n / 4, case when n % 1000 < 30 then $2::uuid else gen_random_uuid() end,
             case when n % 1000 < 30 then 'bea' end
         from generate_series(1, $1) n",
    )
    .bind(MANY)
    .bind(OPERATION.parse::<uuid::Uuid>().unwrap())
    .execute(&db.pool)
    .await
    .unwrap();
    db
}

/// Rows of the log that this transaction has read.
async fn rows_read(conn: &mut PgConnection) -> i64 {
    sqlx::query_scalar(
        "select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint from pg_stat_xact_user_tables
         where schemaname = 'tenantry' and relname like 'audit_log%'",
    )
    .fetch_one(conn)
    .await
    .unwrap()
}

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn filters() -> Vec<Filter> {
    let all = Filter::default;
    let text = |text: &str| Some(text.to_owned());
    let (since, until) = (Some(time("2026-07-01T00:00:00Z")), Some(time("2026-07-20T00:00:00Z")));
    let operation = Some(OperationId::new(OPERATION.parse().unwrap()));
    vec![
        all(),
        Filter { since, until, ..all() },
        Filter { tenant: Some(TenantId::new(700)), ..all() },
        Filter { tenant: Some(TenantId::new(700)), actor: text("worker:w"), ..all() },
        Filter { tenant: Some(TenantId::new(750)), action: text("tenant.activated"), ..all() },
        Filter { operation, ..all() },
        Filter { operation, actor: text("worker:w"), ..all() },
        Filter { actor: text("operator:rare"), ..all() },
        Filter { actor: text("worker:w"), since, until, ..all() },
        Filter { action: text("rare.action"), ..all() },
        Filter { action: text("tenant.activated"), until, ..all() },
        Filter { actor: text("worker:w"), action: text("rare.action"), ..all() },
        Filter { on_behalf_of: text("bea"), ..all() },
        Filter { on_behalf_of: text("bea"), actor: text("worker:w"), until, ..all() },
        Filter { on_behalf_of: text("bea"), operation, ..all() },
        Filter { on_behalf_of: text("bea"), tenant: Some(TenantId::new(751)), ..all() },
    ]
}

async fn each_page_reads_a_page(db: &harness::Db) {
    let mut tx = db.pool.begin().await.unwrap();
    for filter in filters() {
        // Often enough for PostgreSQL to consider a plan that ignores the parameters.
        for _ in 0..8 {
            let before = rows_read(&mut tx).await;
            let found = audit::list(&mut tx, &filter, None, PAGE).await.unwrap();
            let read = rows_read(&mut tx).await - before;

            assert!(!found.is_empty(), "{filter:?}");
            assert!(read <= MOST, "{read} rows read for {filter:?}");
        }
    }
}

#[tokio::test]
async fn a_page_of_a_large_log_reads_a_page_of_rows_by_each_filter() {
    let db = a_large_log().await;

    each_page_reads_a_page(&db).await;
    sqlx::raw_sql("analyze tenantry.audit_log").execute(&db.pool).await.unwrap();
    each_page_reads_a_page(&db).await;
}

#[tokio::test]
async fn a_history_reads_the_rows_of_its_tenant() {
    let db = a_large_log().await;
    let mut tx = db.pool.begin().await.unwrap();

    let found = history::list(&mut tx, TenantId::new(700), None, PAGE).await.unwrap();

    assert_eq!(found.len(), 4);
    let read = rows_read(&mut tx).await;
    assert!(read <= MOST, "{read} rows read");
}

#[tokio::test]
async fn pages_have_every_row_once_though_times_are_the_same() {
    let db = harness::fresh_db().await;
    sqlx::raw_sql(
        "insert into tenantry.audit_log (at, actor, action)
         select '2026-08-01'::timestamptz + (n / 5) * interval '1 us', 'a', 'x' from generate_series(1, 23) n",
    )
    .execute(&db.pool)
    .await
    .unwrap();
    let mut conn = db.pool.acquire().await.unwrap();

    let (mut ids, mut after) = (Vec::new(), None::<Place>);
    loop {
        let page = audit::list(&mut conn, &Filter::default(), after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.place.to_string().parse().unwrap());
        ids.extend(page.iter().map(|row| row.place.id));
    }
    let bounded = Filter {
        since: Some(time("2026-08-01T00:00:00.000001Z")),
        until: Some(time("2026-08-01T00:00:00.000003Z")),
        ..Filter::default()
    };
    let bounded = audit::list(&mut conn, &bounded, None, 100).await.unwrap();

    assert_eq!(ids, (1..=23).rev().collect::<Vec<_>>());
    let ids: Vec<i64> = bounded.iter().map(|row| row.place.id).collect();
    assert_eq!(ids, (5..=14).rev().collect::<Vec<_>>());
}

/// Two entries of each kind at one moment, and one audit row later. Tenant 2 has the same.
const PLANTED: &str = "
    insert into tenantry.tenants (id, name, domain, schema_name, role_name)
    values (1, 'A', 'a.example', 'a', 'a'), (2, 'B', 'b.example', 'b', 'b');
    insert into tenantry.operations (id, kind, state, mode, total)
    values ('00000000-0000-7000-8000-000000000001', 'migrate', 'running', 'independent', 2),
           ('00000000-0000-7000-8000-000000000002', 'migrate', 'running', 'independent', 2);
    insert into tenantry.operation_items (id, operation_id, idx, state, tenant_id, input, created_at)
    select 10 * o + t, ('00000000-0000-7000-8000-00000000000' || o)::uuid, t - 1, 'succeeded', t, '{}',
        '2026-08-01'
    from generate_series(1, 2) o, generate_series(1, 2) t;
    insert into tenantry.item_attempts (item_id, attempt, worker_id, stage, undo, code, message, started_at, failed_at)
    select id, 1, 'w', 'migrate', false, 'timed_out', 'late', '2026-08-01', '2026-08-01'
    from tenantry.operation_items;
    insert into tenantry.api_keys (tenant_id, hash, prefix, last4, created_at)
    select t, sha256(convert_to(t || ' ' || n, 'UTF8')), 'tk_', n::text, '2026-08-01'
    from generate_series(1, 2) t, generate_series(1, 2) n;
    insert into tenantry.audit_log (at, actor, action, tenant_id)
    select at::timestamptz, 'a', 'x', t from generate_series(1, 2) t,
        (values ('2026-08-01'), ('2026-08-01'), ('2026-08-02')) as a (at)";

#[tokio::test]
async fn a_history_has_one_order_and_pages_have_every_entry_once() {
    let db = harness::fresh_db().await;
    sqlx::raw_sql(PLANTED).execute(&db.pool).await.unwrap();
    let mut conn = db.pool.acquire().await.unwrap();
    let tenant = TenantId::new(1);

    let whole = history::list(&mut conn, tenant, None, 100).await.unwrap();
    let (mut paged, mut after) = (Vec::new(), None::<history::Position>);
    loop {
        let page = history::list(&mut conn, tenant, after, 1).await.unwrap();
        let Some((last, _)) = page.last() else { break };
        after = Some(last.to_string().parse().unwrap());
        paged.push(*last);
    }

    let kinds: Vec<&str> = whole
        .iter()
        .map(|(_, entry)| match entry {
            Entry::Audit(_) => "audit",
            Entry::Key(_) => "key",
            Entry::Attempt(..) => "try",
            Entry::Operation(_) => "operation",
        })
        .collect();
    let expected =
        ["audit", "audit", "audit", "key", "key", "try", "try", "operation", "operation"];
    assert_eq!(kinds, expected);
    assert_eq!(paged, whole.iter().map(|(position, _)| *position).collect::<Vec<_>>());
}
