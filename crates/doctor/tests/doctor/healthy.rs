//! What is right is left alone.

use std::time::Duration;

use doctor::{Checked, Depth, Kind, Scope};
use tenantdb::MigrationSet;

use super::ward::{Ward, differences, scope};

#[tokio::test]
async fn nothing_is_found_where_nothing_is_wrong() {
    let ward = Ward::healthy().await;

    let report = doctor::examine(&ward.db.pool, &scope()).await.unwrap();

    assert_eq!(report.findings, []);
    assert!(report.is_clean());
    let expected = Checked {
        tenants: 11,
        schemas: 6,
        roles: 6,
        keys: 6,
        operations: 6,
        items: 13,
        jobs: 3,
        active: 5,
        verified: 5,
    };
    assert_eq!(report.checked, expected);
}

#[tokio::test]
async fn examining_and_repairing_a_healthy_system_changes_nothing() {
    let ward = Ward::healthy().await;
    let before = ward.everything().await;

    for kind in Kind::ALL.iter().filter(|kind| kind.is_fixable()) {
        let fixed = ward.fix(*kind).await;
        assert_eq!((fixed.done, fixed.refused), (vec![], vec![]), "{kind}");
    }

    assert_eq!(differences(&before, &ward.everything().await), [""; 0]);
}

#[tokio::test]
async fn what_passes_by_itself_is_given_its_time() {
    let ward = Ward::healthy().await;
    ward.run("delete from apalis.jobs").await;
    ward.run("update BATCHES set finished_at = null, state = 'running' where state = 'failed'")
        .await;
    ward.run("delete from EVENTS where payload ->> 'state' = 'failed'").await;
    ward.run("update WORKERS set seen_at = now() - interval '30 seconds'").await;
    let patient = Scope { grace: Duration::from_secs(60), ..scope() };

    let now = ward.found().await.len();
    let later = doctor::examine(&ward.db.pool, &patient).await.unwrap();

    assert_eq!((now, later.findings), (4, vec![]));
}

#[tokio::test]
async fn tells_no_more_than_the_limit_and_counts_all() {
    let ward = Ward::healthy().await;
    ward.run("delete from apalis.jobs").await;
    ward.run("update KEYS set sealed_until = now() - interval '1 day'").await;
    let limited = Scope { limit: 1, ..scope() };

    let report = doctor::examine(&ward.db.pool, &limited).await.unwrap();
    let fixed =
        doctor::fix(&ward.db.pool, Kind::SealedPastItsTime, &limited, "cli:doctor").await.unwrap();

    let counts: Vec<_> = report.found.into_iter().collect();
    assert_eq!(counts, [(Kind::ItemWithoutJob, 2), (Kind::SealedPastItsTime, 6)]);
    assert_eq!(report.findings.len(), 2);
    assert_eq!(fixed.done.len(), 6);
}

#[tokio::test]
async fn looks_into_as_many_schemas_as_it_is_told() {
    let ward = Ward::healthy().await;
    ward.run("drop table t_1.person, t_2.person, t_3.person, t_4.person, t_5.person").await;

    let mut found = Vec::new();
    for depth in [Depth::Shallow, Depth::Sample(3), Depth::All] {
        let scope = Scope { depth, ..scope() };
        let report = doctor::examine(&ward.db.pool, &scope).await.unwrap();
        found.push((report.checked.verified, report.findings.len()));
    }

    assert_eq!(found, [(0, 0), (3, 3), (5, 5)]);
}

#[tokio::test]
async fn says_so_when_the_shared_schema_is_not_there() {
    let db = harness::empty_db().await;

    let examined = doctor::examine(&db.pool, &Scope::new(MigrationSet::embedded())).await;

    assert!(matches!(examined, Err(doctor::ExamineError::NotMigrated)), "{examined:?}");
}
