//! The process dies at every point of a plan of two stages, and another one goes on.

use std::{env, process::Command};

use domain::{ItemId, ItemState};
use engine::{Finish, Progress};

use crate::{ground::Ground, script::plan};

/// What the plan makes.
pub(crate) const EACH: [&str; 3] = ["first", "second", "third"];

/// A worker that is to die.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doomed<'a> {
    pub(crate) point: &'a str,
    pub(crate) worker: &'a str,
    pub(crate) item: ItemId,
    /// Whether its plan stays where it fails.
    pub(crate) stays: bool,
}

/// Runs `examples/two_stages.rs` on the first item until it dies at `point`.
pub(crate) async fn die(ground: &Ground, point: &str) {
    let doomed = Doomed { point, worker: "doomed", item: ground.items[0], stays: false };
    let died = send(ground, doomed).await;
    assert_eq!(died, Ok(()), "{point}");
}

/// Runs `examples/two_stages.rs`; `Err` with what it told if it did not die.
pub(crate) async fn send(ground: &Ground, doomed: Doomed<'_>) -> Result<(), String> {
    let this = env::current_exe().unwrap();
    let program = this.ancestors().nth(2).unwrap().join("examples/two_stages");
    let ended = Command::new(program)
        .env("TENANTRY_CRASH_AT", doomed.point)
        .args([&ground.db.url, &doomed.item.to_string(), doomed.worker])
        .arg(if doomed.stays { "stays" } else { "unwinds" })
        .args(ground.there.as_ref().map(|there| &there.url))
        .output()
        .unwrap();
    store::workers::retire(&mut *ground.conn().await, doomed.worker).await.unwrap();
    let told = String::from_utf8_lossy(&ended.stderr);
    let died = told.contains("aborting") && !ended.status.success();
    if died { Ok(()) } else { Err(told.into_owned()) }
}

/// A worker dies at `point`; the next one does what is `left`, and the item is at its end.
pub(crate) async fn inherited(ground: &Ground, point: &str, left: &[&str]) {
    die(ground, point).await;

    if let Some(mut claim) = ground.claim("heir").await {
        let plan = plan(&ground.script, Finish::Succeeded);
        let outcome = ground.runner().run(&plan, &mut claim).await;
        assert!(matches!(outcome, Ok(Progress::Done(_))), "{point}: {outcome:?}");
    }

    assert_eq!(ground.script.done(), left, "{point}");
    assert_eq!(ground.made().await, EACH, "{point}");
    assert_eq!(ground.checkpoints().await, ["one done", "two done"], "{point}");
    assert_eq!(ground.states().await, ["0 succeeded"], "{point}");
}

/// A worker that undoes a built item dies at `point`; the next one undoes what is `left`.
pub(crate) async fn inherited_undo(ground: &Ground, point: &str, left: &[&str]) {
    let plan = plan(&ground.script, Finish::Built);
    let mut claim = ground.claim("w").await.unwrap();
    ground.runner().run(&plan, &mut claim).await.unwrap();
    ground.turn_back().await;
    ground.script.done();
    die(ground, point).await;

    if let Some(claim) = ground.claim("heir").await {
        let unwound = ground.runner().unwind(&plan, &claim, ItemState::RolledBack).await;
        assert!(matches!(unwound, Ok(Progress::Done(_))), "{point}: {unwound:?}");
    }

    assert_eq!(ground.script.done(), left, "{point}");
    assert_eq!(ground.made().await, [""; 0], "{point}");
    assert_eq!(ground.states().await, ["0 rolled_back"], "{point}");
}

#[tokio::test]
async fn wherever_a_worker_dies_the_next_one_brings_the_item_to_its_end() {
    let all = ["apply first", "apply second", "apply third"];
    for (point, left) in [
        ("before:first", &all[..]),
        ("before_commit:one", &all),
        ("after_commit:one", &all[1..]),
        ("after:second", &all[1..]),
        ("before_commit:two", &all[1..]),
        ("after_commit:two", &[]),
    ] {
        inherited(&Ground::of(1).await, point, left).await;
    }
}

#[tokio::test]
async fn wherever_a_worker_dies_the_next_one_undoes_what_is_left() {
    let all = ["undo third", "undo second", "undo first"];
    for (point, left) in [
        ("before_undo:third", &all[..]),
        ("before_undo_commit:two", &all),
        ("after_undo_commit:two", &all[2..]),
        ("after_undo:first", &all[2..]),
        ("after_undo_commit:one", &[]),
        ("before_end:rolled_back", &[]),
        ("after_end:rolled_back", &[]),
    ] {
        let ground = Ground::of(1).await;
        inherited_undo(&ground, point, left).await;

        let told = "select action from tenantry.audit_log where action = 'tenant.released'";
        assert_eq!(ground.ask(told).await.len(), 1, "{point}");
    }
}
