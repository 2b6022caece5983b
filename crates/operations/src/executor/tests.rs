//! Where there is no way back, and where the answer to a commit in another database was lost.

use std::{fmt, sync::Mutex};

use domain::{Kind, OperationId, RoleName, TenantId};
use engine::{
    Classify, During, Finish, Plan, Stage, Step, StepCx, StepError, StepName, TenantDatabases,
    fence,
};
use harness::Db;
use sqlx::PgPool;
use store::{ErrorClass, StageLimits, audit::By};

use super::*;

/// What the steps did, and whether the second one fails for good.
#[derive(Debug, Default)]
struct Script {
    log: Mutex<Vec<&'static str>>,
    second_fails: AtomicBool,
}

impl Script {
    fn note(&self, act: &'static str) {
        self.log.lock().expect("no test panics with it").push(act);
    }

    fn done(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.log.lock().expect("no test panics with it"))
    }
}

#[derive(Debug)]
struct First(Arc<Script>);

impl Step for First {
    const NAME: StepName = StepName::new("first");

    async fn apply(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
        self.0.note("first");
        Ok(())
    }

    async fn undo(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
        self.0.note("undo first");
        Ok(())
    }
}

#[derive(Debug)]
struct Second(Arc<Script>);

impl Step for Second {
    const NAME: StepName = StepName::new("second");

    async fn apply(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
        self.0.note("second");
        if self.0.second_fails.load(Ordering::Relaxed) {
            return Err(Never).during("do the second");
        }
        Ok(())
    }

    async fn undo(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
        self.0.note("undo second");
        Ok(())
    }
}

#[derive(Debug)]
struct Never;

impl fmt::Display for Never {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it cannot succeed")
    }
}

impl std::error::Error for Never {}

impl Classify for Never {
    fn class(&self) -> ErrorClass {
        ErrorClass::Permanent
    }
}

#[derive(Debug)]
struct Elsewhere(PgPool);

impl TenantDatabases for Elsewhere {
    fn of(&self, _: &Claim) -> Option<Connections> {
        Some(self.0.clone().into())
    }
}

/// An item, and a worker with a plan of two stages, the first of them the pivot or not.
struct Ground {
    db: Db,
    there: Option<Db>,
    script: Arc<Script>,
    worker: Executor,
    operation: OperationId,
    item: ItemId,
}

impl Ground {
    async fn of(pivot: bool, there: Option<Db>) -> Self {
        let (db, script) = (harness::fresh_db().await, Arc::new(Script::default()));
        let plan = || {
            let first = Stage::new("one").step(First(Arc::clone(&script)));
            let first = if pivot { first.pivot() } else { first };
            let second = Stage::new("two").step(Second(Arc::clone(&script)));
            Plan::new(vec![first, second], Finish::Succeeded).unwrap()
        };
        let secs = Duration::from_secs;
        let limits = StageLimits { statement: secs(20), lock: secs(10), silence: secs(10) };
        let mut runner = Runner::new(db.pool.clone(), limits, 500);
        if let Some(there) = &there {
            fence::install(&there.pool).await.unwrap();
            runner = runner.with_databases(Arc::new(Elsewhere(there.pool.clone())));
        }
        let backoff = Backoff { base_ms: 1, cap_ms: 10 };
        let rules = RetryRules { max_attempts: 3, backoff, dead_after: secs(60) };
        let plans = Plans::only(plan).for_good();
        let worker = Executor::new(db.pool.clone(), runner, plans, rules, "w".to_owned());
        let (operation, item) = submit(&db.pool).await;
        let plans = worker.plans();
        let by = plans.claimant("w", secs(60));
        let mut conn = db.pool.acquire().await.unwrap();
        store::workers::register(&mut conn, &by, "here", 1, "test").await.unwrap();
        Self { db, there, script, worker, operation, item }
    }

    async fn elsewhere(pivot: bool) -> Self {
        Self::of(pivot, Some(harness::empty_db().await)).await
    }

    async fn claim(&self) -> Claim {
        self.worker.claim(&[self.item]).await.unwrap().pop().expect("it is free")
    }

    /// `stages` are committed in the tenant's database under this claim, and the answers were lost.
    async fn committed_there(&self, claim: &Claim, stages: &str) {
        let row = "insert into tenantry.stage_fences (item_id, attempt, stages)
            select $1, $2, jsonb_object_agg(stage, '{}'::jsonb)
            from unnest(string_to_array($3, ',')) as stage";
        let row = sqlx::query(row).bind(claim.item.get()).bind(claim.attempt).bind(stages);
        row.execute(&self.there.as_ref().unwrap().pool).await.unwrap();
    }

    async fn work(&self, claim: Claim) -> Option<ItemState> {
        match self.worker.work(claim).await.unwrap() {
            Ended::As(state, _) => Some(state),
            Ended::Again { .. } | Ended::Fenced => None,
        }
    }

    async fn row(&self) -> String {
        sqlx::query_scalar(
            "select concat_ws(' ', i.state, i.error_code,
                 (select string_agg(stage, ',' order by stage) from tenantry.checkpoints
                  where undone_at is null))
             from tenantry.operation_items i",
        )
        .fetch_one(&self.db.pool)
        .await
        .unwrap()
    }
}

async fn submit(pool: &PgPool) -> (OperationId, ItemId) {
    let mut conn = pool.acquire().await.unwrap();
    let installation = store::installation(&mut conn).await.unwrap();
    let role = RoleName::of(&installation, TenantId::new(1));
    sqlx::query(
        "insert into tenantry.tenants (id, name, domain, schema_name, role_name, state)
         values (1, 'Acme', 'acme.example', 'acme', $1, 'active')",
    )
    .bind(role.as_str())
    .execute(&mut *conn)
    .await
    .unwrap();
    let operation = OperationId::mint();
    let item: i64 = sqlx::query_scalar(
        "with o as (insert into tenantry.operations (id, kind, state, mode, total)
                    values ($1, $2, 'queued', 'independent', 1) returning id)
         insert into tenantry.operation_items (operation_id, idx, state, tenant_id, input)
         select id, 0, 'queued', 1, '{}' from o returning id",
    )
    .bind(operation.get())
    .bind(Kind::Migrate.as_str())
    .fetch_one(&mut *conn)
    .await
    .unwrap();
    (operation, ItemId::new(item))
}

#[tokio::test]
async fn past_the_pivot_an_item_that_fails_is_stuck_until_an_operator_has_it_go_on() {
    let ground = Ground::of(true, None).await;
    ground.script.second_fails.store(true, Ordering::Relaxed);

    let failed = ground.work(ground.claim().await).await;

    assert_eq!(failed, Some(ItemState::Stuck));
    assert_eq!(ground.script.done(), ["first", "second"], "nothing is undone");
    assert_eq!(ground.row().await, "stuck internal one");
    let pool = ground.db.pool.clone().into();
    let me = By::process("operator:me");
    control::again(&pool, me, ground.operation, 0, control::Again::GoOn).await.unwrap();
    ground.script.second_fails.store(false, Ordering::Relaxed);
    let ended = ground.work(ground.claim().await).await;
    assert_eq!(ended, Some(ItemState::Succeeded));
    assert_eq!(ground.script.done(), ["second"]);
}

#[tokio::test]
async fn before_the_pivot_an_item_that_fails_turns_back() {
    let ground = Ground::of(false, None).await;
    ground.script.second_fails.store(true, Ordering::Relaxed);

    let failed = ground.work(ground.claim().await).await;

    assert_eq!(failed, Some(ItemState::Failed));
    assert_eq!(ground.script.done(), ["first", "second", "undo first"]);
}

#[tokio::test]
async fn a_pivot_whose_answer_was_lost_there_lets_no_cancelled_item_turn_back() {
    let ground = Ground::elsewhere(true).await;
    let claim = Claim { cancelled: Some(codes::CANCELLED), ..ground.claim().await };
    ground.committed_there(&claim, "one").await;

    let ended = ground.work(claim).await;

    assert_eq!(ended, Some(ItemState::Succeeded));
    assert_eq!(ground.script.done(), ["second"]);
    assert_eq!(ground.row().await, "succeeded one,two");
}

#[tokio::test]
async fn a_pivot_whose_answer_was_lost_there_leaves_an_item_without_tries_stuck() {
    let ground = Ground::elsewhere(true).await;
    let claim = Claim { tries: 4, ..ground.claim().await };
    ground.committed_there(&claim, "one").await;

    let ended = ground.work(claim).await;

    assert_eq!(ended, Some(ItemState::Stuck));
    assert_eq!(ground.row().await, "stuck attempts_exhausted one");
}

#[tokio::test]
async fn an_item_whose_last_stage_is_committed_there_has_succeeded() {
    for unwilling in ["cancelled", "exhausted"] {
        let ground = Ground::elsewhere(false).await;
        let mut claim = ground.claim().await;
        match unwilling {
            "cancelled" => claim.cancelled = Some(codes::CANCELLED),
            _ => claim.tries = 4,
        }
        ground.committed_there(&claim, "one,two").await;

        let ended = ground.work(claim).await;

        assert_eq!(ended, Some(ItemState::Succeeded), "{unwilling}");
        assert_eq!(ground.script.done(), [""; 0], "{unwilling}");
        assert_eq!(ground.row().await, "succeeded one,two", "{unwilling}");
    }
}

#[tokio::test]
async fn an_item_does_not_end_before_the_tenants_database_has_answered() {
    for unwilling in ["cancelled", "exhausted"] {
        let ground = Ground::elsewhere(false).await;
        let mut claim = ground.claim().await;
        match unwilling {
            "cancelled" => claim.cancelled = Some(codes::CANCELLED),
            _ => claim.tries = 4,
        }
        ground.there.as_ref().unwrap().pool.close().await;

        let ended = ground.work(claim).await;

        assert_eq!(ended, None, "{unwilling}");
        assert!(ground.row().await.starts_with("retrying"), "{unwilling}: {}", ground.row().await);
    }
}
