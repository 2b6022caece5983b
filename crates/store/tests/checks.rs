//! Who is looked at next, at which pace, and what is kept of it; at any number of tenants.

#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

use std::time::Duration;

use domain::{TenantHealth, TenantId};
use harness::Db;
use sqlx::PgConnection;
use store::{
    checks::{self, Look, Reason, Taken},
    findings::{self, Filter, Sighting, Subject},
};

const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// No pause between two.
const AT_ONCE: Duration = Duration::ZERO;

async fn with_tenants(count: i64) -> Db {
    let db = harness::fresh_db().await;
    sqlx::query(
        "insert into tenantry.tenants (name, domain, schema_name, role_name, state)
         select 'T' || n, n || '.example', 's' || n, 'r' || n,
             case n % 10 when 0 then 'released' when 9 then 'suspended' else 'active' end
         from generate_series(1, $1) n",
    )
    .bind(count)
    .execute(&db.pool)
    .await
    .unwrap();
    db
}

async fn execute(conn: &mut PgConnection, sql: &'static str) {
    sqlx::raw_sql(sql).execute(conn).await.unwrap();
}

async fn count(conn: &mut PgConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(conn).await.unwrap()
}

fn look(health: TenantHealth) -> Look {
    let reasons =
        vec![Reason { code: "shape_differs".into(), message: "table a is missing".into() }];
    Look {
        duration: Duration::from_millis(12),
        schema_valid: health == TenantHealth::Healthy,
        db_accessible: true,
        health,
        reasons: if health == TenantHealth::Healthy { Vec::new() } else { reasons },
        drift: None,
    }
}

fn sighting(kind: &'static str, of: &str, id: &str) -> Sighting {
    let subject = Subject { of: of.to_owned(), id: id.to_owned() };
    Sighting { kind, subject, sentence: format!("{kind} of {id}"), fixable: false }
}

#[tokio::test]
async fn every_tenant_that_is_there_is_enrolled_once_for_a_time_to_come() {
    let db = with_tenants(1_200).await;
    let mut conn = db.pool.acquire().await.unwrap();

    let mut portions = 1;
    while checks::enrol(&mut conn, WEEK).await.unwrap() {
        portions += 1;
    }
    let too_early = checks::enrol(&mut conn, WEEK).await.unwrap();

    assert_eq!((portions, too_early), (3, false));
    let spread = "select count(*) from tenantry.tenant_checks
        where next_due between now() and now() + 0.8 * interval '7 days'";
    assert_eq!(count(&mut conn, spread).await, 1_080, "those that are released are left out");
    let late =
        "select count(*) from tenantry.tenant_checks where next_due > now() + interval '3 days'";
    let late = count(&mut conn, late).await;
    assert!((300..700).contains(&late), "{late} of 1,080 in the second half");
    execute(
        &mut conn,
        "insert into tenantry.tenants (name, domain, schema_name, role_name, state)
         values ('New', 'new.example', 'new', 'new', 'active');
         update tenantry.check_schedule set enrol_at = now()",
    )
    .await;
    while checks::enrol(&mut conn, WEEK).await.unwrap() {}
    assert_eq!(count(&mut conn, "select count(*) from tenantry.tenant_checks").await, 1_081);
}

#[tokio::test]
async fn two_workers_take_different_tenants_the_most_overdue_first_and_keep_one_pace() {
    let db = with_tenants(3).await;
    let (mut one, mut two) = (db.pool.acquire().await.unwrap(), db.pool.acquire().await.unwrap());
    execute(
        &mut one,
        "insert into tenantry.tenant_checks (tenant_id, next_due)
         select n, now() - n * interval '1 day' from generate_series(1, 3) n",
    )
    .await;
    let id = |taken: Option<Taken>| taken.map(|taken| taken.tenant.get());

    let first = checks::take_due(&mut one, Duration::from_secs(60)).await.unwrap();
    let too_early = checks::take_due(&mut two, AT_ONCE).await.unwrap();
    execute(&mut one, "update tenantry.check_schedule set next_at = now()").await;
    let second = checks::take_due(&mut two, AT_ONCE).await.unwrap();
    let third = checks::take_due(&mut one, AT_ONCE).await.unwrap();
    let none = checks::take_due(&mut two, AT_ONCE).await.unwrap();

    assert_eq!(
        (id(first), id(too_early), id(second), id(third)),
        (Some(3), None, Some(2), Some(1))
    );
    assert_eq!(id(none), None, "all are taken");
    let waiting = checks::waiting(&mut one).await.unwrap();
    let due_in = waiting.due_in.unwrap();
    assert!(!waiting.is_asked && due_in > Duration::from_secs(500) && due_in <= checks::LEFT_AFTER);
    execute(&mut one, "update tenantry.tenant_checks set next_due = now() where tenant_id = 2")
        .await;
    let left = checks::take_due(&mut one, AT_ONCE).await.unwrap();
    assert_eq!(id(left), Some(2), "one that was taken and not told is taken again later");
}

#[tokio::test]
async fn a_tenant_that_is_taken_in_another_transaction_is_passed_over() {
    let db = with_tenants(2).await;
    let (mut one, mut two) = (db.pool.begin().await.unwrap(), db.pool.acquire().await.unwrap());
    execute(
        &mut two,
        "insert into tenantry.tenant_checks (tenant_id, next_due)
         select n, now() - n * interval '1 day' from generate_series(1, 2) n",
    )
    .await;
    sqlx::query("select from tenantry.tenant_checks where tenant_id = 2 for update")
        .execute(&mut *one)
        .await
        .unwrap();

    let taken = checks::take_due(&mut two, AT_ONCE).await.unwrap();

    assert_eq!(taken.map(|it| it.tenant.get()), Some(1));
}

#[tokio::test]
async fn a_look_that_is_asked_for_is_taken_once_and_answers_whoever_asked_before_it() {
    let db = with_tenants(2).await;
    let mut conn = db.pool.acquire().await.unwrap();
    let id = TenantId::new(1);
    let asked = checks::ask(&mut conn, id).await.unwrap();
    let again = checks::ask(&mut conn, id).await.unwrap();
    assert!(checks::waiting(&mut conn).await.unwrap().is_asked);

    let taken = checks::take_asked(&mut conn).await.unwrap().unwrap();
    let none = checks::take_asked(&mut conn).await.unwrap();
    let recorded =
        checks::record(&mut conn, taken, &look(TenantHealth::Unhealthy), WEEK).await.unwrap();

    assert_eq!((taken.tenant, none.is_none(), recorded), (id, true, true));
    assert!(taken.at >= asked && taken.at >= again);
    assert_eq!(checks::take_asked(&mut conn).await.unwrap().map(|it| it.tenant), None);
    let stored = checks::find(&mut conn, id).await.unwrap().unwrap().last.unwrap();
    assert_eq!((stored.look, stored.at), (look(TenantHealth::Unhealthy), taken.at));
    let due = "select count(*) from tenantry.tenant_checks
        where next_due between now() + 0.79 * interval '7 days' and now() + interval '7 days'";
    assert_eq!(count(&mut conn, due).await, 1);

    let after = checks::ask(&mut conn, id).await.unwrap();
    let old = Taken { at: taken.at - chrono::Duration::seconds(1), ..taken };
    let late = checks::record(&mut conn, old, &look(TenantHealth::Healthy), WEEK).await.unwrap();

    assert!(!late, "a look that began earlier does not undo what is known");
    let next = checks::take_asked(&mut conn).await.unwrap().unwrap();
    assert!(next.at >= after);
    assert_eq!(checks::standing(&mut conn).await.unwrap().unhealthy, 1);
}

#[tokio::test]
async fn a_look_that_is_asked_for_goes_to_another_worker_when_the_first_is_gone() {
    let db = with_tenants(1).await;
    let mut conn = db.pool.acquire().await.unwrap();
    checks::ask(&mut conn, TenantId::new(1)).await.unwrap();
    checks::take_asked(&mut conn).await.unwrap().unwrap();

    execute(
        &mut conn,
        "update tenantry.tenant_checks
         set taken_at = taken_at - interval '2 minutes', asked_at = asked_at - interval '2 minutes'",
    )
    .await;

    assert!(checks::take_asked(&mut conn).await.unwrap().is_some());
}

#[tokio::test]
async fn a_finding_has_a_first_and_a_last_time_until_it_is_closed_and_then_begins_anew() {
    let db = with_tenants(2).await;
    let mut conn = db.pool.acquire().await.unwrap();
    let shape = || vec![sighting("shape_differs", "tenant", "1")];
    findings::record(&mut conn, shape()).await.unwrap();
    execute(
        &mut conn,
        "update tenantry.findings set first_seen = now() - interval '1 day', last_seen = first_seen",
    )
    .await;
    let open = Filter::default();
    let closed = Filter { closed: true, ..Filter::default() };

    findings::record(&mut conn, shape()).await.unwrap();
    let seen = findings::list(&mut conn, &open, None, 10).await.unwrap();
    let since = seen[0].last_seen;
    let subjects = [Subject { of: "tenant".into(), id: "1".into() }];
    findings::close_of(&mut conn, &subjects, &["shape_differs"], since).await.unwrap();
    let still = findings::list(&mut conn, &open, None, 10).await.unwrap();
    let later = since + chrono::Duration::seconds(1);
    findings::close_of(&mut conn, &subjects, &["migrations_behind"], later).await.unwrap();
    let other_kind = findings::list(&mut conn, &open, None, 10).await.unwrap();
    findings::close_of(&mut conn, &subjects, &["shape_differs"], later).await.unwrap();
    findings::record(&mut conn, shape()).await.unwrap();

    assert!(
        seen.len() == 1 && seen[0].last_seen > seen[0].first_seen + chrono::Duration::hours(23)
    );
    assert_eq!((still.len(), other_kind.len()), (1, 1));
    let now = findings::list(&mut conn, &open, None, 10).await.unwrap();
    assert!(now.len() == 1 && now[0].id != seen[0].id, "{now:?}");
    let before = findings::list(&mut conn, &closed, None, 10).await.unwrap();
    assert_eq!((before.len(), before[0].id), (1, seen[0].id));
    let counts = findings::count_open(&mut conn, &["shape_differs", "undo_failed"]).await.unwrap();
    assert_eq!(counts, [("shape_differs".to_owned(), 1), ("undo_failed".to_owned(), 0)]);
}

#[tokio::test]
async fn a_finding_is_its_tenants_and_goes_with_it() {
    let db = with_tenants(2).await;
    let mut conn = db.pool.acquire().await.unwrap();
    execute(&mut conn, "create schema ghost; comment on schema ghost is 'tenantry:0a1b2c3d:77'")
        .await;
    let seen = vec![
        sighting("shape_differs", "tenant", "1"),
        sighting("wrong_mark", "schema", "s1"),
        sighting("schema_without_tenant", "schema", "ghost"),
        sighting("role_without_tenant", "role", "tn_0a1b2c3d_78"),
        sighting("ids_behind", "control", "tenantry.tenants"),
        // Twice in one report.
        sighting("ids_behind", "control", "tenantry.tenants"),
    ];
    findings::record(&mut conn, seen).await.unwrap();

    let all = findings::list(&mut conn, &Filter::default(), None, 10).await.unwrap();
    let mut whose: Vec<_> = all.iter().map(|it| (it.subject_id.as_str(), it.tenant_id)).collect();
    whose.sort();

    let expected = [
        ("1", Some(1)),
        ("ghost", Some(77)),
        ("s1", Some(1)),
        ("tenantry.tenants", None),
        ("tn_0a1b2c3d_78", Some(78)),
    ];
    assert_eq!(whose, expected);
    checks::ask(&mut conn, TenantId::new(1)).await.unwrap();
    checks::forget(&mut conn, TenantId::new(1)).await.unwrap();
    assert_eq!(count(&mut conn, "select count(*) from tenantry.tenant_checks").await, 0);
    let left = findings::list(&mut conn, &Filter::default(), None, 10).await.unwrap();
    assert_eq!(left.len(), 3);
}

#[tokio::test]
async fn what_an_examination_did_not_find_again_is_closed_and_old_ones_are_deleted() {
    let db = with_tenants(1).await;
    let mut conn = db.pool.acquire().await.unwrap();
    let many = (0..1_500).map(|n| sighting("job_without_item", "job", &n.to_string()));
    findings::record(&mut conn, many.collect()).await.unwrap();
    findings::record(&mut conn, vec![sighting("undo_failed", "item", "5")]).await.unwrap();
    let after = chrono::Utc::now() + chrono::Duration::hours(1);

    let mut portions = 1;
    while findings::close_unseen(&mut conn, &["job_without_item"], after).await.unwrap() {
        portions += 1;
    }

    assert_eq!(portions, 2);
    let open = "select count(*) from tenantry.findings where closed_at is null";
    assert_eq!(count(&mut conn, open).await, 1);
    assert_eq!(findings::prune(&mut conn, 1, 1_000).await.unwrap(), 0);
    execute(&mut conn, "update tenantry.findings set closed_at = closed_at - interval '2 days'")
        .await;
    assert_eq!(findings::prune(&mut conn, 1, 1_000).await.unwrap(), 1_000);
    assert_eq!(findings::prune(&mut conn, 1, 1_000).await.unwrap(), 500);
}

/// Rows of the tables that this transaction has read.
async fn rows_read(conn: &mut PgConnection) -> i64 {
    let rows = "select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint from pg_stat_xact_user_tables
        where schemaname = 'tenantry' and relname in ('tenants', 'tenant_checks', 'findings')";
    count(conn, rows).await
}

#[tokio::test]
async fn no_statement_reads_more_when_there_are_more_tenants() {
    let db = with_tenants(20_000).await;
    sqlx::raw_sql(
        "insert into tenantry.tenant_checks (tenant_id, next_due, checked_at, overall_health)
         select id, now() - id * interval '1 s', now() - id * interval '1 s', 'healthy' from tenantry.tenants;
         insert into tenantry.findings (kind, subject_type, subject_id, tenant_id, sentence, fixable, closed_at)
         select 'shape_differs', 'tenant', id::text, id, '', false, case when id % 100 <> 0 then now() end
         from tenantry.tenants;
         analyze tenantry.tenant_checks; analyze tenantry.findings; analyze tenantry.tenants",
    )
    .execute(&db.pool)
    .await
    .unwrap();
    let mut tx = db.pool.begin().await.unwrap();

    checks::ask(&mut tx, TenantId::new(500)).await.unwrap();
    checks::waiting(&mut tx).await.unwrap();
    let asked = checks::take_asked(&mut tx).await.unwrap().unwrap();
    checks::record(&mut tx, asked, &look(TenantHealth::Healthy), WEEK).await.unwrap();
    let taken = checks::take_due(&mut tx, AT_ONCE).await.unwrap().unwrap();
    checks::find(&mut tx, taken.tenant).await.unwrap();
    checks::standing(&mut tx).await.unwrap();
    checks::forget(&mut tx, taken.tenant).await.unwrap();
    findings::record(&mut tx, vec![sighting("shape_differs", "tenant", "300")]).await.unwrap();
    let subjects = [Subject { of: "tenant".into(), id: "400".into() }];
    findings::close_of(&mut tx, &subjects, &["shape_differs"], chrono::Utc::now()).await.unwrap();
    for closed in [false, true] {
        for (tenant, kind) in
            [(None, None), (None, Some("shape_differs".to_owned())), (Some(7), None)]
        {
            let filter = Filter { closed, tenant: tenant.map(TenantId::new), kind };
            findings::list(&mut tx, &filter, None, 10).await.unwrap();
        }
    }

    let read = rows_read(&mut tx).await;
    assert!(read < 100, "{read} rows");
}
