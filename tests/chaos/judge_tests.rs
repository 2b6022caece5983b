//! The judges are judged: what breaks a promise is planted, and they must see it.

use std::time::Duration;

use domain::{Direction, TenantId};
use sqlx::PgPool;

use crate::{
    bed::{Bed, Plan},
    judge::judge,
    support::eventually,
    wish::Fate,
};

/// What is broken, and what must then be said of it.
const PLANTED: &[(&str, &str)] = &[
    (
        "do $$ begin
            execute (select format('drop schema %I cascade', t.schema_name) from tenantry.tenants t
                     join tenantry.operation_items i on i.tenant_id = t.id
                     where i.idx = 0 and i.input <> '{}');
         end $$",
        "doctor: tenant_without_schema: ",
    ),
    (
        "insert into tenantry.api_keys (tenant_id, hash, prefix, last4)
         select tenant_id, sha256('another'), 'tk_', '0000' from tenantry.operation_items
         where idx = 1 and input <> '{}'",
        "has 2 live keys",
    ),
    (
        "update tenantry.operation_items set state = 'failed', error_code = 'internal'
         where idx = 2 and input <> '{}'",
        "is failed, and was to be Made",
    ),
    (
        "delete from tenantry.checkpoints
         where item_id = (select id from tenantry.operation_items where idx = 3);
         delete from tenantry.operation_items where idx = 3",
        "is there 0 times",
    ),
    (
        "do $$ begin
            execute (select format('insert into %I.moves (direction, begun, ended)
                                    values (''up'', clock_timestamp(), clock_timestamp())', schema_name)
                     from tenantry.operation_items where idx = 4 and input <> '{}');
         end $$",
        "was moved up 3 times and down 1 times, and was to be 2 and 1 times",
    ),
    (
        "update tenantry.tenant_migrations set version = '0014' where tenant_id =
            (select tenant_id from tenantry.operation_items where idx = 5 and input <> '{}')",
        "its ledger says Some(\"0014\"), and its table is there: true",
    ),
    (
        "update tenantry.operation_items set started_at = started_at - interval '1 hour'
         where idx = 0 and input = '{}'",
        "were at work on tenant",
    ),
    (
        "update tenantry.operation_items i set state = 'failed', error_code = 'internal'
         from tenantry.operations o
         where o.id = i.operation_id and o.params ->> 'direction' = 'down' and i.idx = 1",
        "is failed, and was to be Moved",
    ),
    (
        "do $$ begin
            create schema left_behind;
            execute (select format('comment on schema left_behind is %L',
                                   format('tenantry:%s:987654', id)) from tenantry.installation);
         end $$",
        "a schema of nobody: left_behind",
    ),
    ("delete from tenantry.outbox", "its ends were announced [0] times"),
    (
        "update tenantry.api_keys set sealed_until = now() - interval '1 second'
         where id = (select min(id) from tenantry.api_keys where sealed is not null)",
        "doctor: sealed_past_its_time: ",
    ),
    (
        "update ledger_of_others.book set entry = 'mine now' where id = 7",
        "a stranger's thing was touched, it is: relation",
    ),
    ("alter role tn_deadbeef_1 connection limit 8", "a stranger's thing was touched, it is: role"),
    (
        "insert into tenantry.operations (id, state, mode, total, finished_at)
         values (gen_random_uuid(), 'completed', 'independent', 1, now());
         insert into tenantry.operation_items (operation_id, idx, state, input)
         select id, 0, 'failed', '{}' from tenantry.operations order by created_at desc limit 1",
        "nobody asked for batch",
    ),
];

async fn break_it(pool: &PgPool, sql: &'static str) {
    sqlx::raw_sql(sql).execute(pool).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_judges_see_every_promise_that_is_broken() {
    let mut bed = Bed::make(Plan { apis: 1, workers: 1, ..Plan::default() }).await;
    let wish = bed.wishes.independent(6, 0);
    bed.ask(wish).await;
    let patience = Duration::from_secs(60);
    eventually("the batch to be over", patience, async || {
        (bed.open_items().await == Some(0)).then_some(())
    })
    .await;
    let tenants = "select tenant_id from tenantry.operation_items where idx > 3 order by idx";
    let tenants: Vec<i64> = sqlx::query_scalar(tenants).fetch_all(&bed.pool).await.unwrap();
    let tenants: Vec<TenantId> = tenants.into_iter().map(TenantId::new).collect();
    for direction in [Direction::Down, Direction::Up] {
        bed.ask_move(direction, Some(&tenants), Fate::Moved).await.expect("there are tenants");
    }
    let before = judge(&mut bed, true, patience).await;
    // Nobody mends anything from here on.
    bed.workers.remove(0).terminate(patience).await;

    for (sql, _) in PLANTED {
        break_it(&bed.pool, sql).await;
    }
    let after = judge(&mut bed, true, Duration::ZERO).await;

    assert_eq!(before.violations, Vec::<String>::new());
    assert_eq!((before.lost, before.duplicates, before.orphans, before.together), (0, 0, 0, 0));
    for (sql, words) in PLANTED {
        let seen = after.violations.iter().any(|violation| violation.contains(words));
        assert!(seen, "not seen: {sql}\n{:#?}", after.violations);
    }
    assert_eq!(after.lost, 4, "{after:#?}");
    assert!(after.together >= 1, "{after:#?}");
    assert!(after.duplicates >= 2, "{after:#?}");
    assert!(after.orphans >= 2, "{after:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_gives_up_is_remembered_and_replaced() {
    let mut bed = Bed::make(Plan { apis: 0, workers: 1, ..Plan::default() }).await;
    bed.supervise().await;
    let before = bed.tally.gave_up.len();
    let pid = bed.workers[0].pid();

    bed.workers[0].kill().await;
    bed.supervise().await;

    assert_eq!((before, bed.tally.gave_up.len()), (0, 1));
    assert_ne!(bed.workers[0].pid(), pid);
}
