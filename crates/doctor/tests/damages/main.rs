//! Damages that somebody does by hand: doctor sees each that breaks a promise, and nothing else.

#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

mod elsewhere;
mod list;
mod owner;
#[path = "../plant/mod.rs"]
mod plant;
mod world;

use std::collections::BTreeSet;

use doctor::{Depth, ExamineError, Finding, Kind, Scope, Subject};
use sqlx::Connection;

use crate::{
    list::{DAMAGES, Verdict},
    world::{HAND_OVER, World, scope},
};

/// Tenants before the first that is damaged.
const SOUND: i64 = 2;

/// The tenant that a finding is about.
fn tenant_of(finding: &Finding) -> i64 {
    let number = |text: &str| text.rsplit('_').next().and_then(|n| n.parse().ok());
    match &finding.subject {
        Subject::Tenant(id) => id.get(),
        Subject::Item(id) => id.get(),
        Subject::Key(id) => *id,
        Subject::Schema(name) | Subject::Role(name) => number(name)
            .or_else(|| {
                finding.sentence.split("of tenant ").nth(1)?.split(',').next()?.parse().ok()
            })
            .unwrap_or_else(|| panic!("{finding:?}")),
        _ => panic!("{finding:?}"),
    }
}

fn kinds_of(findings: &[Finding], tenant: i64) -> BTreeSet<Kind> {
    findings.iter().filter(|f| tenant_of(f) == tenant).map(|f| f.kind).collect()
}

#[tokio::test]
async fn every_damage_of_a_tenant_that_breaks_a_promise_is_seen_and_what_can_be_is_mended() {
    let tenants = SOUND + i64::try_from(DAMAGES.len()).unwrap();
    let world = World::of(tenants, 0).await;
    assert_eq!(world.examine().await.findings, []);
    let each = || (SOUND + 1..).zip(DAMAGES);
    for (id, (sql, _)) in each() {
        world.plant(id, sql).await;
    }

    let seen = world.examine().await.findings;
    let fixed = doctor::fix(&world.db.pool, Kind::ShapeDiffers, &scope(), "cli:doctor").await;
    let left = world.examine().await.findings;

    for (id, (sql, verdict)) in each() {
        let (seen, left) = (kinds_of(&seen, id), kinds_of(&left, id));
        match verdict {
            Verdict::Legal => assert_eq!((seen.len(), left.len()), (0, 0), "{sql}"),
            Verdict::Told(kinds) => {
                assert_eq!(seen, kinds.iter().copied().collect(), "{sql}");
                assert_eq!(left, seen, "{sql}");
            }
            Verdict::Mended => {
                assert_eq!(seen, [Kind::ShapeDiffers].into(), "{sql}");
                assert_eq!(left, [].into(), "{sql}: {:?}", fixed.as_ref().map(|f| &f.refused));
            }
        }
    }
    // what makes another a member of tenant 1's role is damage to both
    let member = "tenant 1: another role is a member of the role";
    let damaged = |f: &&Finding| tenant_of(f) <= SOUND && f.sentence != member;
    assert_eq!(seen.iter().find(damaged), None);
    assert_eq!(left.iter().find(|f| tenant_of(f) <= SOUND), None);
}

/// What somebody does to what all tenants share, and words of the finding.
const SHARED: &[(&str, Kind, &str)] = &[
    (
        "alter table EVENTS alter column id restart",
        Kind::IdsBehind,
        "the next id of table tenantry.outbox would be 1",
    ),
    (
        "drop index tenantry.tenants_live_schema",
        Kind::ControlSchemaDiffers,
        "index tenants.tenants_live_schema is missing",
    ),
    (
        "update pg_index set indisvalid = false where indexrelid = 'tenantry.tenants_live_domain'::regclass",
        Kind::ControlSchemaDiffers,
        "index tenants.tenants_live_domain is not",
    ),
    (
        "alter table ITEMS drop constraint operation_items_operation_id_idx_key",
        Kind::ControlSchemaDiffers,
        "constraint operation_items.operation_items_operation_id_idx_key is missing",
    ),
    (
        "alter table KEYS drop constraint api_keys_hash_key",
        Kind::ControlSchemaDiffers,
        "constraint api_keys.api_keys_hash_key is missing",
    ),
    (
        "alter table tenantry.operator_tokens drop constraint operator_tokens_role_check",
        Kind::ControlSchemaDiffers,
        "constraint operator_tokens.operator_tokens_role_check is missing",
    ),
    (
        "alter table tenantry.audit_log disable trigger audit_append_only",
        Kind::ControlSchemaDiffers,
        "trigger audit_log.audit_append_only is not",
    ),
    (
        "create or replace function tenantry.audit_is_append_only() returns trigger language plpgsql
             as 'begin return new; end'",
        Kind::ControlSchemaDiffers,
        "function tenantry.audit_is_append_only() is not",
    ),
    (
        "create trigger t before update on tenantry.tenants
             for each row execute function suppress_redundant_updates_trigger()",
        Kind::ControlSchemaDiffers,
        "trigger tenants.t is in no migration",
    ),
    (
        "alter table BATCHES alter run drop default",
        Kind::ControlSchemaDiffers,
        "column operations.run is not",
    ),
    (
        "drop index tenantry.outbox_one_finish_per_run",
        Kind::ControlSchemaDiffers,
        "index outbox.outbox_one_finish_per_run is missing",
    ),
    (
        "alter function apalis.get_jobs(text, text, integer) reset enable_seqscan",
        Kind::ControlSchemaDiffers,
        "get_jobs has not its planner settings",
    ),
    ("drop index apalis.jobs_inflight", Kind::ControlSchemaDiffers, "index apalis.jobs_inflight"),
    (
        "create trigger notify_workers after insert on apalis.jobs
             for each row execute function suppress_redundant_updates_trigger()",
        Kind::ControlSchemaDiffers,
        "trigger notify_workers",
    ),
    ("alter role ROLE password 'x'", Kind::RoleWithPassword, "1 of the roles have a password"),
    ("alter role tn_US_tenants login", Kind::SystemRoleDiffers, "_tenants may log in"),
    ("grant pg_read_all_data to tn_US_tenants", Kind::SystemRoleDiffers, "pg_read_all_data"),
    (
        "create role tn_US_maker_000001 login createrole;
         create function tenantry.tn_US_maker_000001(text) returns void language sql as '';
         alter function tenantry.tn_US_maker_000001(text) owner to tn_US_maker_000001;
         revoke all on function tenantry.tn_US_maker_000001(text) from public",
        Kind::SystemRoleDiffers,
        "maker_000001 may log in",
    ),
    (
        "create role tn_US_maker_000002 createrole;
         create function tenantry.tn_US_maker_000002(text) returns void language sql as '';
         alter function tenantry.tn_US_maker_000002(text) owner to tn_US_maker_000002;
         grant execute on function tenantry.tn_US_maker_000002(text) to public",
        Kind::SystemRoleDiffers,
        "maker_000002 lets PUBLIC call its function",
    ),
    ("drop table tenantry_spare_100001_.person", Kind::SpareChanged, "spare 100001:"),
    ("alter table tenantry_spare_100002_.person drop email", Kind::SpareChanged, "spare 100002:"),
    ("drop index tenantry_spare_100003_.person_email", Kind::SpareChanged, "spare 100003:"),
    ("alter role tn_US_100004 nologin", Kind::SpareChanged, "spare 100004: the role may not log in"),
    ("grant usage on schema tenantry_spare_100005_ to public", Kind::SpareChanged, "spare 100005:"),
    ("drop schema tenantry_spare_100006_ cascade", Kind::SpareIncomplete, "spare 100006"),
];

#[tokio::test]
async fn every_damage_of_what_all_share_is_seen_and_changed_spares_leave_the_pool() {
    let world = World::of(1, 7).await;
    assert_eq!(world.examine().await.findings, []);
    for (sql, _, _) in SHARED {
        world.plant(1, sql).await;
    }

    let seen = world.examine().await.findings;
    for kind in [Kind::SpareChanged, Kind::SpareIncomplete] {
        doctor::fix(&world.db.pool, kind, &scope(), "cli:doctor").await.unwrap();
    }
    let left = world.examine().await.findings;

    for (sql, kind, words) in SHARED {
        let told = seen.iter().any(|f| f.kind == *kind && f.sentence.contains(words));
        assert!(told, "{sql}: {seen:#?}");
    }
    // the index of a constraint goes with it
    let known = |f: &&Finding| {
        SHARED.iter().any(|(_, kind, words)| f.kind == *kind && f.sentence.contains(words))
            || f.sentence.ends_with("_key is missing")
    };
    assert_eq!(seen.iter().find(|f| !known(f)), None);
    let of_spares = |f: &&Finding| matches!(f.subject, Subject::Spare(_));
    assert_eq!(left.iter().find(of_spares), None);
    assert_eq!(left.len(), seen.len() - 6, "{left:#?}");
    let spares: i64 = sqlx::query_scalar("select count(*) from tenantry.spares")
        .fetch_one(&world.db.pool)
        .await
        .unwrap();
    assert_eq!(spares, 1);
}

#[tokio::test]
async fn five_hundred_sound_tenants_and_their_spares_give_no_finding() {
    let world = World::of(500, 20).await;

    let report = world.examine().await;

    assert_eq!(report.findings, []);
    assert_eq!((report.checked.verified, report.checked.tenants), (500, 500));
}

#[tokio::test]
async fn a_tenant_that_locks_its_tables_is_told_and_the_others_are_looked_at() {
    let world = World::of(5, 0).await;
    world.plant(5, "drop table SCHEMA.person").await;
    let mut tenant = sqlx::PgConnection::connect(&world.db.url).await.unwrap();
    let mut tx = tenant.begin().await.unwrap();
    sqlx::raw_sql("lock table t_2.person in access exclusive mode")
        .execute(&mut *tx)
        .await
        .unwrap();

    let report = world.examine().await;

    let told: Vec<_> = report.findings.iter().map(|f| (f.kind, f.sentence.as_str())).collect();
    assert_eq!(
        told,
        [
            (Kind::ShapeDiffers, told[0].1),
            (Kind::NotLookedAt, "could not look at tenant 2: its tables are locked"),
        ]
    );
    assert_eq!(report.checked.verified, 4);
    let waiting: i64 = sqlx::query_scalar("select count(*) from pg_locks where not granted")
        .fetch_one(&world.db.pool)
        .await
        .unwrap();
    assert_eq!(waiting, 0);
}

#[tokio::test]
async fn an_error_at_one_tenant_is_that_tenants_finding_and_the_others_are_looked_at() {
    let world = World::of(4, 0).await;
    world.plant(4, HAND_OVER).await;
    world.plant(2, "alter table SCHEMA.person owner to ROLE").await;
    let pool = world.as_owner().await;

    let report = doctor::examine(&pool, &scope()).await.unwrap();

    let told: Vec<_> = report.findings.iter().map(|f| f.sentence.as_str()).collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    let words =
        ["could not look at tenant 2: permission denied", "table person belongs to the role"];
    assert!(words.iter().all(|words| told[0].contains(words)), "{told:?}");
    assert_eq!(report.checked.verified, 3);
}

#[tokio::test]
async fn rights_and_roles_of_all_tenants_are_looked_at_however_few_are_in_depth() {
    let world = World::of(60, 0).await;
    world.plant(57, "grant usage on schema SCHEMA to public").await;
    let few = Scope { depth: Depth::Sample(1), ..scope() };

    let report = doctor::examine(&world.db.pool, &few).await.unwrap();

    let told: Vec<_> = report.findings.iter().map(|f| f.sentence.as_str()).collect();
    assert_eq!(told, ["tenant 57: PUBLIC has USAGE on the schema"]);
}

#[tokio::test]
async fn without_a_queue_or_an_identity_doctor_says_so() {
    let world = World::of(1, 0).await;
    world.plant(1, "drop schema apalis cascade").await;

    let told = world.examine().await.findings;

    let words: Vec<_> = told.iter().map(|f| f.sentence.as_str()).collect();
    let expected =
        "schema apalis, the queue, does not exist; `tenantry migrate public up` mends it";
    assert_eq!(words, [expected]);

    world.plant(1, "delete from tenantry.installation").await;
    let examined = doctor::examine(&world.db.pool, &scope()).await;
    assert!(matches!(examined, Err(ExamineError::NoInstallation)), "{examined:?}");
}
