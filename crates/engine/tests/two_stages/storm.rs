//! Workers die at points that a seed chooses, again and again, with tenants in another database: forward and
//! back, with a plan that unwinds and with one that stays.
//!
//! `CRASHES` says how many of them, `CRASH_SEED` which.

use std::{collections::BTreeMap, env};

use domain::{ItemError, ItemId, ItemState, codes};
use engine::{Finish, OnFailure, Plan, Progress};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use sqlx::PgPool;
use store::{items, workers};

use crate::{
    crashes::{Doomed, send},
    ground::{Ground, claim},
    script::plan,
};

/// Crashes without `CRASHES`: some seconds.
const CRASHES: usize = 60;

/// Items of one ground.
const ITEMS: usize = 12;

const FORWARD: &[&str] = &[
    "after_raise:one",
    "before:first",
    "after:first",
    "before_commit:one",
    "after_commit:one",
    "after_checkpoint:one",
    "before:second",
    "after:second",
    "before:third",
    "after:third",
    "before_commit:two",
    "after_commit:two",
    "after_checkpoint:two",
];

const BACK: &[&str] = &[
    "after_raise:one",
    "before_undo:third",
    "after_undo:third",
    "before_undo:second",
    "after_undo:second",
    "before_undo_commit:two",
    "after_undo_commit:two",
    "after_checkpoint:two",
    "before_undo:first",
    "after_undo:first",
    "before_undo_commit:one",
    "after_undo_commit:one",
    "after_checkpoint:one",
    "before_end:rolled_back",
    "after_end:rolled_back",
    "before_end:failed",
    "after_end:failed",
];

/// What is done to one item.
struct Storm<'a> {
    ground: &'a Ground,
    dice: &'a mut StdRng,
    item: ItemId,
    plan: Plan,
    workers: usize,
    crashes: usize,
}

impl Storm<'_> {
    fn name(&mut self) -> String {
        self.workers += 1;
        format!("w{}-{}", self.item, self.workers)
    }

    /// Up to three workers, one after the other, that are to die at one of the points.
    async fn die(&mut self, points: &[&str]) {
        for _ in 0..self.dice.random_range(0..=3) {
            let point = points[self.dice.random_range(0..points.len())];
            let (worker, stays) = (self.name(), self.plan.stays());
            let doomed = Doomed { point, worker: &worker, item: self.item, stays };
            self.crashes += usize::from(send(self.ground, doomed).await.is_ok());
        }
    }

    async fn claim(&mut self) -> Option<items::Claim> {
        let worker = self.name();
        let claimed = claim(&mut *self.ground.conn().await, &[self.item], &worker).await.pop();
        // What it has claimed is another's to take from now on.
        workers::retire(&mut *self.ground.conn().await, &worker).await.unwrap();
        claimed
    }

    async fn forward(&mut self) {
        self.die(FORWARD).await;
        let late = self.claim().await;
        if let Some(mut heir) = self.claim().await {
            let done = self.ground.runner().run(&self.plan, &mut heir).await;
            assert!(matches!(done, Ok(Progress::Done(_))), "{done:?}");
        }
        self.comes_late(late).await;
    }

    async fn back(&mut self) {
        self.die(FORWARD).await;
        let late = self.claim().await;
        if let Some(mut heir) = self.claim().await {
            assert!(self.ground.runner().catch_up(&self.plan, &mut heir).await.unwrap());
            if !self.plan.is_done(&heir.checkpoints) {
                let reason = ItemError::rejected(codes::INTERNAL, "it turns back");
                let mut conn = self.ground.conn().await;
                items::begin_unwind(&mut conn, &heir, &reason).await.unwrap().expect("it is held");
                drop(conn);
                self.die(BACK).await;
                if let Some(last) = self.claim().await {
                    let end =
                        if self.plan.stays() { ItemState::Failed } else { ItemState::RolledBack };
                    let ended = self.ground.runner().unwind(&self.plan, &last, end).await;
                    assert!(matches!(ended, Ok(Progress::Done(_))), "{ended:?}");
                }
            }
        }
        self.comes_late(late).await;
    }

    /// A worker that lost the item goes on with it.
    async fn comes_late(&mut self, claim: Option<items::Claim>) {
        let Some(mut late) = claim else { return };
        let came = self.ground.runner().run(&self.plan, &mut late).await;
        assert!(matches!(came, Ok(Progress::Fenced)), "{came:?}");
        self.crashes += 1;
    }
}

async fn texts(pool: &PgPool, sql: &'static str, item: ItemId) -> Vec<String> {
    sqlx::query_scalar(sql).bind(item.get()).fetch_all(pool).await.unwrap()
}

/// Holds what is there of the item in both databases against its end.
async fn judge(ground: &Ground, item: ItemId, back: bool, stays: bool) {
    let there = &ground.there.as_ref().unwrap().pool;
    let state = "select state from tenantry.operation_items where id = $1";
    let state = texts(&ground.db.pool, state, item).await.remove(0);
    let done = "select stage from tenantry.checkpoints where item_id = $1 and undone_at is null order by 1";
    let done = texts(&ground.db.pool, done, item).await;
    let fence =
        "select jsonb_object_keys(stages) from tenantry.stage_fences where item_id = $1 order by 1";
    assert_eq!(done, texts(there, fence, item).await, "item {item}, {state}");

    let tenant = "select tenant_id::text from tenantry.operation_items where id = $1";
    let tenant: i64 = texts(&ground.db.pool, tenant, item).await[0].parse().unwrap();
    let acts = "select act from public.acts where tenant = $1";
    let acts: Vec<String> = sqlx::query_scalar(acts).bind(tenant).fetch_all(there).await.unwrap();
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    acts.iter().for_each(|act| *times.entry(act).or_default() += 1);
    let of = |act: &str| times.get(act).copied().unwrap_or_default();
    for (stage, step) in [("one", "first"), ("two", "second"), ("two", "third")] {
        let (made, undone) = (of(&format!("apply {step}")), of(&format!("undo {step}")));
        let is_done = done.iter().any(|it| it == stage);
        assert!(
            made <= 1 && made - undone == usize::from(is_done),
            "item {item}, {state}: {times:?}"
        );
    }
    let ends: &[&str] = match (back, stays) {
        (false, _) => &["succeeded"],
        (true, false) => &["rolled_back", "succeeded"],
        (true, true) => &["failed", "succeeded"],
    };
    assert!(ends.contains(&state.as_str()), "item {item}: {state}");
    let whole = match state.as_str() {
        "succeeded" => done == ["one", "two"],
        "rolled_back" => done.is_empty(),
        _ => true,
    };
    assert!(whole, "item {item}, {state}: {done:?}");
}

fn read(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|e| panic!("{name}={text}: {e}")))
}

#[tokio::test]
async fn whatever_workers_die_in_another_database_nothing_is_lost_or_done_twice() {
    let seed = read("CRASH_SEED").unwrap_or_else(|| rand::rng().random());
    let wanted = read("CRASHES").map_or(CRASHES, |n| usize::try_from(n).unwrap());
    println!("CRASH_SEED={seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let (mut crashes, mut ended) = (0, 0);
    while crashes < wanted {
        let ground = Ground::elsewhere(ITEMS).await;
        for item in ground.items.clone() {
            let (back, stays) = (dice.random_bool(0.5), dice.random_bool(0.5));
            let on_failure = if stays { OnFailure::Stay } else { OnFailure::Unwind };
            let plan = plan(&ground.script, Finish::Succeeded).on_failure(on_failure);
            let dice = &mut dice;
            let mut storm = Storm { ground: &ground, dice, item, plan, workers: 0, crashes: 0 };
            if back {
                storm.back().await
            } else {
                storm.forward().await
            }
            crashes += storm.crashes;
            ended += 1;
            judge(&ground, item, back, stays).await;
        }
    }
    println!("{crashes} faults, {ended} items, nothing lost, nothing twice");
}
