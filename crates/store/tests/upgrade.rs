//! An installation of the version before operations is upgraded with work in every state, and back.

#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

use std::time::Duration;

use domain::{ItemId, Kind};
use sqlx::{AssertSqlSafe, PgPool};
use store::items::{self, Claimant};

/// The migration before operations.
const BEFORE: i64 = 16;

/// A batch in each state with items in each state; what belongs to them.
const PLANTED: &str = "
    insert into tenantry.workers (id, host, pid, version, seen_at, stopped_at) values
        ('dead', 'h', 1, '0.1.0', now() - interval '1 hour', null),
        ('gone', 'h', 2, '0.1.0', now() - interval '1 hour', now());
    insert into tenantry.batches (id, state, mode, total, created_by, finished_at, run_at, paused_at,
        cancel_requested_at, cancel_code, culprit_idx)
    select ('00000000-0000-7000-8000-0000000000' || lpad(n::text, 2, '0'))::uuid, state, mode, 1, null,
        case when over then now() end, case when n = 1 then now() + interval '1 day' end,
        case when n = 2 then now() end, case when n in (8, 9) then now() end,
        case when n in (8, 9) then 'cancelled' end, case when n = 10 then 0 end
    from (values (1, 'queued', 'independent', false), (2, 'queued', 'independent', false),
        (3, 'running', 'independent', false), (4, 'running', 'atomic', false),
        (5, 'completed', 'independent', true), (6, 'completed_with_failures', 'independent', true),
        (7, 'failed', 'independent', true), (8, 'cancelling', 'independent', false),
        (9, 'cancelled', 'independent', true), (10, 'rolling_back', 'atomic', false),
        (11, 'rolled_back', 'atomic', true)) b (n, state, mode, over);
    insert into tenantry.tenants (id, name, domain, schema_name, role_name, state, activated_at)
    select n, 'T', 't' || n || '.example', 't_' || n, 'tn_00000000_' || n,
        case n when 6 then 'active' when 7 then 'released' else 'pending' end,
        case n when 6 then now() end
    from generate_series(1, 12) n;
    insert into tenantry.batch_items (id, batch_id, idx, state, attempt, tries, tenant_id, request,
        job_id, worker_id, error_code, error_message, error_step, error_retryable, next_attempt_at)
    select n, ('00000000-0000-7000-8000-0000000000' || lpad(batch::text, 2, '0'))::uuid, idx, state,
        attempt, attempt, n, '{\"tenant_name\": \"T\"}', '01M8C18GW602BEMGH7QFAVVGE' || (n % 10), worker,
        code, code || '!', case when code <> '' then 'verify' end, code is not null, next
    from (values (1, 1, 0, 'queued', 0, null, null, null),
        (2, 3, 0, 'queued', 0, null, null, null),
        (3, 3, 1, 'running', 1, 'dead', null, null),
        (4, 3, 2, 'retrying', 2, null, 'timed_out', now() - interval '1 minute'),
        (5, 4, 0, 'built', 1, null, null, null),
        (6, 5, 0, 'succeeded', 1, null, null, null),
        (7, 7, 0, 'failed', 1, null, 'verify_failed', null),
        (8, 9, 0, 'cancelled', 0, null, 'cancelled', null),
        (9, 11, 0, 'rolled_back', 2, null, 'batch_rolled_back', null),
        (10, 6, 0, 'undo_failed', 6, null, 'timed_out', null),
        (11, 10, 0, 'compensating', 2, 'gone', 'verify_failed', null),
        (12, 2, 0, 'queued', 0, null, null, null)
    ) i (n, batch, idx, state, attempt, worker, code, next);
    insert into tenantry.checkpoints (item_id, stage, attempt, steps, undone_at) values
        (5, 'build', 1, '[]', null), (6, 'provision', 1, '[]', null), (9, 'build', 1, '[]', now()),
        (10, 'build', 1, '[]', null), (11, 'build', 1, '[]', null);
    insert into tenantry.api_keys (tenant_id, batch_id, hash, prefix, last4, sealed, sealed_until) values
        (6, '00000000-0000-7000-8000-000000000005', sha256('6'), 'tk_', 'abcd', 'x', now() + interval '1 day'),
        (5, '00000000-0000-7000-8000-000000000004', sha256('5'), 'tk_', 'efgh', null, null);
    insert into tenantry.idempotency_keys (caller, key, body_hash, batch_id)
    values (1, 'k', sha256('b'), '00000000-0000-7000-8000-000000000005');
    insert into tenantry.outbox (kind, batch_id, run, payload)
    values ('batch.finished', '00000000-0000-7000-8000-000000000005', 1, '{\"x\": 1}');
    insert into tenantry.audit_log (at, actor, action, tenant_id, batch_id)
    values (now() - interval '40 days', 'a', 'batch.submitted', null, '00000000-0000-7000-8000-000000000005'),
        (now(), 'a', 'tenant.activated', 6, '00000000-0000-7000-8000-000000000005');
    insert into tenantry.spares (id, stamp, head, fingerprint) values (40, 's', '2', 'f')";

/// Work of a kind that the version before does not know, on a tenant of its own work.
const LATER: &str = "
    insert into tenantry.operations (id, kind, params, state, mode, total)
    values ('00000000-0000-7000-8000-000000000099', 'migrate', '{}', 'running', 'independent', 2);
    insert into tenantry.operation_items (id, operation_id, idx, state, tenant_id, input, result)
    values (101, '00000000-0000-7000-8000-000000000099', 0, 'waiting', 6, '{}', null),
        (102, '00000000-0000-7000-8000-000000000099', 1, 'succeeded', 7, '{}', '{\"to\": \"2\"}');
    insert into tenantry.checkpoints (item_id, stage, attempt, steps)
    values (102, 'migrate', 1, '[]');
    insert into tenantry.item_attempts (item_id, attempt, worker_id, stage, undo, code, message, started_at)
    values (4, 1, 'dead', 'provision', false, 'timed_out', 'late', now());
    insert into tenantry.outbox (kind, operation_id, run, payload)
    values ('operation.finished', '00000000-0000-7000-8000-000000000099', 1, '{}');
    insert into tenantry.idempotency_keys (caller, key, body_hash, operation_id)
    values (1, 'later', sha256('l'), '00000000-0000-7000-8000-000000000099')";

async fn run(pool: &PgPool, sql: &'static str) {
    sqlx::raw_sql(sql).execute(pool).await.unwrap();
}

async fn texts(pool: &PgPool, sql: &'static str) -> Vec<String> {
    sqlx::query_scalar(sql).fetch_all(pool).await.unwrap()
}

async fn down(pool: &PgPool) {
    store::MIGRATOR.undo(pool, BEFORE).await.unwrap();
}

/// Every row of these tables as JSON; `forgotten` columns left out.
async fn rows(pool: &PgPool, tables: &[&str], forgotten: &str) -> Vec<String> {
    let mut all = Vec::new();
    for table in tables {
        let rows = format!(
            "select '{table} ' || (to_jsonb(t) - '{forgotten}')::text from tenantry.{table} t order by 1"
        );
        let rows = sqlx::query_scalar::<_, String>(AssertSqlSafe(rows));
        all.extend(rows.fetch_all(pool).await.unwrap());
    }
    all
}

/// The tables of the version before, without the ids of jobs, which a later version does not keep.
async fn as_before(pool: &PgPool) -> Vec<String> {
    const TABLES: [&str; 10] = [
        "batches",
        "batch_items",
        "checkpoints",
        "api_keys",
        "idempotency_keys",
        "outbox",
        "audit_log",
        "workers",
        "spares",
        "tenants",
    ];
    rows(pool, &TABLES, "job_id").await
}

async fn as_now(pool: &PgPool) -> Vec<String> {
    const TABLES: [&str; 10] = [
        "operations",
        "operation_items",
        "checkpoints",
        "api_keys",
        "idempotency_keys",
        "outbox",
        "audit_log",
        "workers",
        "spares",
        "tenants",
    ];
    rows(pool, &TABLES, "").await
}

#[tokio::test]
async fn work_in_every_state_survives_the_upgrade_and_the_way_back() {
    let db = harness::fresh_db().await;
    down(&db.pool).await;
    run(&db.pool, PLANTED).await;
    let planted = as_before(&db.pool).await;

    store::migrate(&db.pool).await.unwrap();
    let upgraded = as_now(&db.pool).await;
    run(&db.pool, LATER).await;
    down(&db.pool).await;
    let back = as_before(&db.pool).await;
    store::migrate(&db.pool).await.unwrap();

    assert_eq!(back, planted);
    assert_eq!(as_now(&db.pool).await, upgraded);
}

#[tokio::test]
async fn a_worker_that_is_at_work_does_not_stop_the_upgrade() {
    let pool = &harness::fresh_db().await.pool;
    down(pool).await;
    let met = meet(pool, "audit_log", "batches").await;

    let (upgraded, ()) = tokio::join!(store::migrate(pool), met);

    upgraded.unwrap();
}

#[tokio::test]
async fn a_worker_that_is_at_work_does_not_stop_the_way_back() {
    let pool = &harness::fresh_db().await.pool;
    let met = meet(pool, "operations", "birth_versions").await;

    let (reverted, ()) = tokio::join!(store::revert_last(pool, "test"), met);

    assert!(reverted.unwrap().is_some());
}

/// A worker's transaction that reads `has`, and needs `needs` once a migration waits for it.
async fn meet(pool: &PgPool, has: &str, needs: &str) -> impl Future<Output = ()> {
    let lock = |table| format!("lock table tenantry.{table} in access share mode");
    let mut worker = pool.begin().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(lock(has))).execute(&mut *worker).await.unwrap();
    let needs = lock(needs);
    async move {
        let waits = "select count(*)::text from pg_locks where not granted
                     and database = (select oid from pg_database where datname = current_database())";
        while texts(pool, waits).await == ["0"] {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        sqlx::raw_sql(AssertSqlSafe(needs)).execute(&mut *worker).await.unwrap();
        worker.commit().await.unwrap();
    }
}

#[tokio::test]
async fn what_was_under_way_has_its_place_in_the_new_tables() {
    let db = harness::fresh_db().await;
    down(&db.pool).await;
    run(&db.pool, PLANTED).await;

    store::migrate(&db.pool).await.unwrap();

    let states = "select string_agg(i.id || ' ' || i.state, ', ' order by i.id)
        from tenantry.operation_items i join tenantry.operations o on o.id = i.operation_id
        where o.kind = 'provision'";
    assert_eq!(
        texts(&db.pool, states).await,
        [
            "1 queued, 2 queued, 3 running, 4 retrying, 5 built, 6 succeeded, 7 failed, 8 cancelled, \
          9 rolled_back, 10 undo_failed, 11 unwinding, 12 queued"
        ]
    );
    let belongings = "
        select 'key ' || last4 || ' ' || (sealed is not null) from tenantry.api_keys
        where operation_id is not null
        union all select 'replay ' || key from tenantry.idempotency_keys
            where operation_id = '00000000-0000-7000-8000-000000000005'
        union all select 'told ' || kind from tenantry.outbox where operation_id is not null
        union all select 'audit ' || action from tenantry.audit_log where operation_id is not null
        order by 1";
    assert_eq!(
        texts(&db.pool, belongings).await,
        [
            "audit batch.submitted",
            "audit tenant.activated",
            "key abcd true",
            "key efgh false",
            "replay k",
            "told operation.finished"
        ]
    );
}

#[tokio::test]
async fn a_worker_goes_on_with_what_another_version_left() {
    let db = harness::fresh_db().await;
    down(&db.pool).await;
    run(&db.pool, PLANTED).await;
    store::migrate(&db.pool).await.unwrap();
    let mut conn = db.pool.acquire().await.unwrap();
    let dead_after = Duration::from_secs(12);
    let by = Claimant { worker: "heir", kinds: Kind::ALL, set: "", dead_after };
    let all: Vec<ItemId> = (1..=12).map(ItemId::new).collect();

    let mut claims = items::claim(&mut conn, &all, &by).await.unwrap();

    claims.sort_by_key(|claim| claim.item);
    let claims: Vec<String> = claims
        .iter()
        .map(|it| format!("{} {} {} {:?}", it.item, it.state, it.attempt, it.checkpoints))
        .collect();
    // The batch of 12 is paused. That of 1 is scheduled, and no job brings it here before its time.
    assert_eq!(
        claims,
        [
            "1 running 1 []",
            "2 running 1 []",
            "3 running 2 []",
            "4 running 3 []",
            "11 unwinding 3 [\"build\"]"
        ]
    );
}
