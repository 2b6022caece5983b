//! A worker aborts at each named point, once; others take over what it leaves.
//!
//! The workers that are to abort are alone with the batch: a healthy one would do their work. What
//! is left is a healthy one's to finish.

use std::{os::unix::process::ExitStatusExt as _, time::Duration};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::crash_points::{
    OF_A_CANCEL, OF_A_FAILURE, OF_ACTIVATING, OF_BUILDING, OF_TURNING_BACK, of_an_item, of_undoing,
};
use crate::{
    bed::Bed,
    dice::Dice,
    support::{Process, tell},
    tally::Fault,
};

/// How long a worker may take to come to its point: it may have to wait until the item is taken
/// from one that died before.
const REACHES_IN: Duration = Duration::from_secs(60);

/// How long a healthy worker may take to stop.
const STOPS_IN: Duration = Duration::from_secs(40);

/// Workers at once that are to abort.
const AT_ONCE: usize = 4;

/// Two items at a time, so that few are lost with each worker; nothing is fetched in advance.
const FEW: &[(&str, &str)] = &[
    ("TENANTRY__WORKER__CONCURRENCY", "1"),
    ("TENANTRY__WORKER__GROUP_SIZE", "2"),
    ("TENANTRY__QUEUE__BATCH_SIZE", "1"),
];

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
    asked.fates.fill(crate::wish::Fate::Unmade);
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

/// Starts a worker for each point, a few at a time, and waits until it has aborted there.
async fn crash_at(bed: &mut Bed, points: &[String]) {
    for some in points.chunks(AT_ONCE) {
        let mut doomed: Vec<(&String, Process)> = Vec::new();
        for point in some {
            let mut settings = FEW.to_vec();
            settings.push(("TENANTRY_CRASH_AT", point));
            doomed.push((point, bed.start_worker(&settings).await));
        }
        for (point, mut worker) in doomed {
            let ended = worker.end(REACHES_IN).await;
            assert_eq!(ended.signal(), Some(Signal::SIGABRT as i32), "{point}:\n{}", worker.log());
            bed.tally.count(Fault::CrashPoint, 1);
        }
    }
    bed.fault_is_over();
}

/// Lets a healthy worker finish all there is.
async fn finish(bed: &mut Bed) {
    let mut healthy = bed.start_worker(&[]).await;
    crate::support::eventually("a healthy worker to finish", REACHES_IN, async || {
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
