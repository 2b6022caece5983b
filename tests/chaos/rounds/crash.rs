//! A worker aborts at each named point, once; others take over what it leaves.
//!
//! The workers that are to abort are alone with the batch: a healthy one would do their work. What
//! is left is a healthy one's to finish.

use std::{os::unix::process::ExitStatusExt as _, time::Duration};

use domain::{Direction, Kind};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::crash_points::{
    OF_A_CANCEL, OF_A_DELETION, OF_A_FAILURE, OF_A_MIGRATION, OF_A_PURGE, OF_A_RESUMPTION,
    OF_A_REVOCATION, OF_A_ROTATION, OF_A_SUSPENSION, OF_ACTIVATING, OF_AN_UNDELETION, OF_AN_UPDATE,
    OF_BUILDING, OF_BUILDING_SPARES, OF_DROPPING_SPARES, OF_SEGMENTS_DOWN, OF_SEGMENTS_UP,
    OF_TAKING_SPARES, OF_TURNING_BACK, of_an_item, of_undoing,
};
use crate::{
    bed::{Bed, Plan},
    dice::Dice,
    moves::{change, grace},
    support::{Process, tell},
    tally::Fault,
    wish::Fate,
};

/// How long a worker may take to come to its point: it may have to wait until the item is taken
/// from one that died before.
const REACHES_IN: Duration = Duration::from_secs(60);

/// How long a healthy worker may take to finish everything: an item that waits for its tenant, and whose
/// wake-up died with a worker, waits for the search for items without a job.
const FINISHES_IN: Duration = Duration::from_secs(120);

/// Tenants that are migrated while workers abort, at most.
const SOME: usize = 120;

/// How long a healthy worker may take to stop.
const STOPS_IN: Duration = Duration::from_secs(40);

/// More spares than there are when others begin to build some.
const MANY: &str = "40";

/// How long a worker may take from its start until it knows the pool.
const LOOKS_IN: Duration = Duration::from_millis(500);

/// Workers at once that are to abort.
const AT_ONCE: usize = 4;

/// Two items at a time, so that few are lost with each worker; nothing is fetched in advance, and
/// nothing built.
const FEW: &[(&str, &str)] = &[
    ("TENANTRY__WORKER__CONCURRENCY", "1"),
    ("TENANTRY__WORKER__GROUP_SIZE", "2"),
    ("TENANTRY__QUEUE__BATCH_SIZE", "1"),
    ("TENANTRY__POOL__SIZE", "0"),
];

/// Spares that workers keep which abort while they do, or while they give one away.
const SPARES: &str = "4";

pub(super) async fn run(bed: &mut Bed, dice: &mut Dice) {
    if !cfg!(debug_assertions) {
        tell("crash: skipped, release builds have no named points to abort at");
        return;
    }
    dismiss(bed).await;
    each_for_itself(bed, dice).await;
    failures(bed, dice).await;
    cancelled(bed).await;
    all(bed, dice).await;
    nothing(bed, dice).await;
    migrations(bed, dice).await;
    suspensions(bed, dice).await;
    updates(bed, dice).await;
    keys(bed, dice).await;
    deletions(bed, dice).await;
    pool(bed).await;
    for _ in 0..3 {
        let worker = bed.start_worker(&[]).await;
        bed.workers.push(worker);
    }
}

/// Items that are made.
async fn each_for_itself(bed: &mut Bed, dice: &mut Dice) {
    let mut points = of_an_item();
    dice.shuffle(&mut points);
    let wish = bed.wishes.independent(points.len() * 2, 0);
    bed.ask(wish).await;
    crash_at(bed, &points).await;
    finish(bed).await;
}

/// Items that cannot be made.
async fn failures(bed: &mut Bed, dice: &mut Dice) {
    let mut points = owned(OF_A_FAILURE);
    dice.shuffle(&mut points);
    let wish = bed.wishes.independent(4, 4);
    bed.ask(wish).await;
    crash_at(bed, &points).await;
    finish(bed).await;
}

/// Items that are begun, and whose worker is dead, when their batch is cancelled. Before the end
/// comes before after it: there is one such item.
async fn cancelled(bed: &mut Bed) {
    let wish = bed.wishes.atomic(3, None);
    let id = bed.ask(wish).await;
    crash_at(bed, &["after:claim".to_owned()]).await;
    let path = format!("/api/v1/batches/{id}/cancel");
    let reply = bed.caller.surely(&path, &Value::Null, "").await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    let asked = bed.asked.last_mut().expect("it was just asked for");
    asked.fates.fill(Fate::Unmade);
    for point in OF_A_CANCEL {
        crash_at(bed, &[(*point).to_owned()]).await;
    }
    finish(bed).await;
}

/// An all-or-nothing batch that is made.
async fn all(bed: &mut Bed, dice: &mut Dice) {
    let size = dice.count(4, 8);
    let wish = bed.wishes.atomic(size, None);
    bed.ask(wish).await;
    for point in owned(OF_BUILDING).into_iter().chain(owned(OF_ACTIVATING)) {
        crash_at(bed, &[point]).await;
    }
    finish(bed).await;
}

/// An all-or-nothing batch that is not: the last of its items cannot be made.
async fn nothing(bed: &mut Bed, dice: &mut Dice) {
    let mut points = of_undoing();
    dice.shuffle(&mut points);
    let size = points.len();
    let wish = bed.wishes.atomic(size, Some(size - 1));
    bed.ask(wish).await;
    for point in OF_TURNING_BACK {
        crash_at(bed, &[(*point).to_owned()]).await;
    }
    crash_at(bed, &points).await;
    finish(bed).await;
}

/// Tenants that are migrated down and up again: the ways up wait for the ways down.
async fn migrations(bed: &mut Bed, dice: &mut Dice) {
    let mut points = owned(OF_A_MIGRATION);
    dice.shuffle(&mut points);
    // Not all there are by then: the worker that is to finish them has only so much time.
    let tenants = bed.some_tenants(dice, SOME).await;
    for direction in [Direction::Down, Direction::Up] {
        let asked = bed.ask_move(direction, tenants.as_deref(), Fate::Moved).await;
        assert!(asked.is_some(), "there are tenants by now");
    }
    crash_at(bed, &points).await;
    finish(bed).await;
}

/// Tenants that are suspended and resumed.
async fn suspensions(bed: &mut Bed, dice: &mut Dice) {
    let tenants = bed.oldest_tenants(40).await;
    for (kind, points) in [(Kind::Suspend, OF_A_SUSPENSION), (Kind::Resume, OF_A_RESUMPTION)] {
        bed.ask_of_tenants(kind, &json!({}), Some(&tenants), Fate::Moved).await;
        let mut points = owned(points);
        dice.shuffle(&mut points);
        crash_at(bed, &points).await;
        finish(bed).await;
    }
}

/// Tenants that are changed.
async fn updates(bed: &mut Bed, dice: &mut Dice) {
    let mut points = owned(OF_AN_UPDATE);
    dice.shuffle(&mut points);
    let tenants = bed.oldest_tenants(40).await;
    bed.ask_of_tenants(Kind::Update, &change(dice), Some(&tenants), Fate::Moved).await;
    crash_at(bed, &points).await;
    finish(bed).await;
}

/// Tenants whose API keys are rotated; and revoked, which finds none that old.
async fn keys(bed: &mut Bed, dice: &mut Dice) {
    let tenants = bed.oldest_tenants(40).await;
    let at_once = json!({ "overlap_hours": 0 });
    let none = json!({ "created_before": "2020-01-01T00:00:00Z" });
    for (kind, params, points) in
        [(Kind::RotateKeys, at_once, OF_A_ROTATION), (Kind::RevokeKeys, none, OF_A_REVOCATION)]
    {
        bed.ask_of_tenants(kind, &params, Some(&tenants), Fate::Moved).await;
        let mut points = owned(points);
        dice.shuffle(&mut points);
        crash_at(bed, &points).await;
        finish(bed).await;
    }
}

/// Tenants that are deleted, brought back, deleted again and dropped; each has more tables than one portion.
async fn deletions(bed: &mut Bed, dice: &mut Dice) {
    let wish = bed.wishes.independent(OF_A_PURGE.len() * 2, 0);
    let made = bed.ask(wish).await;
    finish(bed).await;
    let tenants = bed.tenants_of(made).await;
    for tenant in &tenants {
        let large = format!(
            "do $$ declare s text := (select schema_name from tenantry.tenants where id = {tenant}); begin
             for n in 1..110 loop execute format('create table %I.large_%s ()', s, n); end loop; end $$"
        );
        let made = sqlx::raw_sql(sqlx::AssertSqlSafe(large)).execute(&bed.pool).await;
        made.expect("the server answers");
    }
    for (kind, params, points) in [
        (Kind::Delete, grace(7), OF_A_DELETION),
        (Kind::Undelete, json!({}), OF_AN_UNDELETION),
        (Kind::Delete, grace(0), OF_A_PURGE),
    ] {
        bed.ask_of_tenants(kind, &params, Some(&tenants), Fate::Moved).await;
        let mut points = owned(points);
        dice.shuffle(&mut points);
        crash_at(bed, &points).await;
        finish(bed).await;
    }
}

/// A bed with a migration that runs outside of any transaction where a tenant has tables.
pub(super) async fn bed_of_segments() -> Bed {
    let file = |name: &str, sql: &str| (name.to_owned(), format!("-- no-transaction\n{sql}"));
    let migrations = [
        file(
            "0016_by_name.up.sql",
            "create index concurrently if not exists person_name on person (full_name);",
        ),
        file("0016_by_name.down.sql", "drop index concurrently if exists person_name;"),
    ];
    Bed::make(Plan { apis: 1, workers: 2, migrations: &migrations, ..Plan::default() }).await
}

/// Tenants that are migrated down and up again in segments.
pub(super) async fn segments(bed: &mut Bed, dice: &mut Dice) {
    if !cfg!(debug_assertions) {
        return run(bed, dice).await;
    }
    let wish = bed.wishes.independent(OF_SEGMENTS_UP.len() * 2, 0);
    bed.ask(wish).await;
    dismiss(bed).await;
    finish(bed).await;
    for (direction, points) in
        [(Direction::Down, OF_SEGMENTS_DOWN), (Direction::Up, OF_SEGMENTS_UP)]
    {
        let mut points = owned(points);
        dice.shuffle(&mut points);
        bed.ask_move(direction, None, Fate::Moved).await.expect("there are tenants");
        crash_at(bed, &points).await;
        finish(bed).await;
    }
    let worker = bed.start_worker(&[]).await;
    bed.workers.push(worker);
}

/// Spares that are built, given to tenants, and dropped.
async fn pool(bed: &mut Bed) {
    for point in OF_BUILDING_SPARES {
        crash_with(bed, &[("TENANTRY__POOL__SIZE", MANY)], &[(*point).to_owned()]).await;
    }
    for point in OF_TAKING_SPARES {
        let mut keeper = bed.start_worker(&[("TENANTRY__POOL__SIZE", SPARES)]).await;
        crate::support::eventually("the pool to be full", REACHES_IN, async || {
            let spares: sqlx::Result<i64> =
                sqlx::query_scalar("select count(*) from tenantry.spares")
                    .fetch_one(&bed.pool)
                    .await;
            (spares.ok() >= SPARES.parse().ok()).then_some(())
        })
        .await;
        keeper.terminate(STOPS_IN).await;
        let mut settings = FEW.to_vec();
        settings.extend([("TENANTRY__POOL__SIZE", SPARES), ("TENANTRY_CRASH_AT", *point)]);
        let mut doomed = bed.start_worker(&settings).await;
        // It has looked at the pool before it has its first item.
        tokio::time::sleep(LOOKS_IN).await;
        let wish = bed.wishes.independent(2, 0);
        bed.ask(wish).await;
        aborted(bed, point, &mut doomed).await;
        bed.fault_is_over();
        finish(bed).await;
    }
    for point in OF_DROPPING_SPARES {
        let mut keeper = bed.start_worker(&[("TENANTRY__POOL__SIZE", "1")]).await;
        crate::support::eventually("a spare to be there", REACHES_IN, async || {
            let spares: sqlx::Result<i64> =
                sqlx::query_scalar("select count(*) from tenantry.spares")
                    .fetch_one(&bed.pool)
                    .await;
            spares.is_ok_and(|spares| spares > 0).then_some(())
        })
        .await;
        keeper.terminate(STOPS_IN).await;
        crash_at(bed, &[(*point).to_owned()]).await;
    }
}

/// Starts a worker for each point, a few at a time, and waits until it has aborted there.
async fn crash_at(bed: &mut Bed, points: &[String]) {
    crash_with(bed, &[], points).await;
}

/// The same, with further settings.
async fn crash_with(bed: &mut Bed, further: &[(&str, &str)], points: &[String]) {
    for some in points.chunks(AT_ONCE) {
        let mut doomed: Vec<(&String, Process)> = Vec::new();
        for point in some {
            let mut settings = FEW.to_vec();
            settings.extend(further);
            settings.push(("TENANTRY_CRASH_AT", point));
            doomed.push((point, bed.start_worker(&settings).await));
        }
        for (point, mut worker) in doomed {
            aborted(bed, point, &mut worker).await;
        }
    }
    bed.fault_is_over();
}

/// Waits until `worker` has aborted at its point.
async fn aborted(bed: &mut Bed, point: &str, worker: &mut Process) {
    let ended = worker.end(REACHES_IN).await;
    assert_eq!(ended.signal(), Some(Signal::SIGABRT as i32), "{point}:\n{}", worker.log());
    bed.tally.count(Fault::CrashPoint, 1);
}

/// Lets a healthy worker finish all there is.
async fn finish(bed: &mut Bed) {
    let mut healthy = bed.start_worker(&[]).await;
    crate::support::eventually("a healthy worker to finish", FINISHES_IN, async || {
        (bed.open_items().await == Some(0)).then_some(())
    })
    .await;
    healthy.terminate(STOPS_IN).await;
}

/// Stops the workers there are.
async fn dismiss(bed: &mut Bed) {
    for mut worker in std::mem::take(&mut bed.workers) {
        worker.terminate(STOPS_IN).await;
    }
}

fn owned(points: &[&str]) -> Vec<String> {
    points.iter().map(|point| (*point).to_owned()).collect()
}
