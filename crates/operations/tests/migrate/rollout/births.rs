//! Which version new tenants are given while the others are migrated.

use std::{sync::Arc, time::Duration};

use domain::{Direction, OperationId};
use engine::control;
use operations::{Parts, births};
use serde_json::json;
use store::{audit::By, births::Birth, tenants::Place};
use tenantdb::migrations::MigrationSet;

use super::{Fleet, NOTES, fleet};
use crate::{FIRST, WORKER, bench::executor, item_state, learnt, make, submit, take};

/// Versions of the ledger, by the names of tenants.
const VERSIONS: &str = "select t.name || ' ' || coalesce(m.version, 'none') from tenantry.tenants t
    join tenantry.tenant_migrations m on m.tenant_id = t.id order by t.id";

/// Tenants of migrations that are no rollouts.
const FOLLOWERS: &str = "select t.name from tenantry.operation_items i
    join tenantry.tenants t on t.id = i.tenant_id
    join tenantry.operations o on o.id = i.operation_id and o.kind = 'migrate' and o.wave is null";

const TOLD: &str =
    "select concat_ws(' ', detail ->> 'from', detail ->> 'to') from tenantry.audit_log
    where action = 'birth_version.changed' order by id";

impl Fleet {
    /// What new tenants are given.
    pub(super) async fn born(&self) -> Option<String> {
        let birth = store::births::current(&mut self.pool().acquire().await.unwrap()).await;
        let version = birth.unwrap().and_then(|birth: Birth| birth.place.version);
        version.map(|version| version.to_string())
    }

    /// A worker with all migrations starts.
    async fn worker(&self) -> Parts {
        let (_, set, promise) = learnt(self.pool(), NOTES).await;
        let built_in = crate::parts(self.pool()).await;
        let (installation, keys) = (built_in.installation.clone(), Arc::clone(&built_in.keys));
        let parts = Parts::new(installation, Arc::new(set), Arc::new(promise), keys, 5);
        births::start_at(&mut self.pool().acquire().await.unwrap(), parts).await.unwrap()
    }

    pub(super) async fn cancel(&self, operation: OperationId) {
        control::cancel(&self.connections(), By::process("test"), operation).await.unwrap();
    }

    pub(super) async fn catch_up(&self) {
        let (pool, by) = (self.connections(), By::process("test"));
        control::catch_up(&pool, by, Duration::ZERO).await.unwrap();
    }
}

/// Six tenants that are at what new ones are given.
pub(super) async fn settled_fleet() -> Fleet {
    let fleet = fleet().await;
    let (_, first, _) = learnt(fleet.pool(), FIRST).await;
    let place = place(&first);
    store::births::start_at(&mut fleet.pool().acquire().await.unwrap(), &place).await.unwrap();
    fleet
}

pub(super) fn place(set: &MigrationSet) -> Place {
    Place { set_hash: set.hash().to_owned(), version: set.head().cloned() }
}

fn versions(parts: &Parts) -> Vec<&str> {
    parts.migrations.iter().map(|m| m.version().as_str()).collect()
}

#[tokio::test]
async fn the_last_wave_moves_it_and_a_cancelled_rollout_takes_it_back() {
    let fleet = settled_fleet().await;
    let waves = json!({ "waves": [{ "count": 1, "gate": "manual" }] });
    let operation = fleet.start(&waves).await;
    fleet.work(operation).await;
    assert_eq!(fleet.born().await.as_deref(), Some("0001"), "one tenant of six has more");

    fleet.promote(operation, false).await.unwrap();
    assert_eq!(fleet.born().await.as_deref(), Some("0002"));
    fleet.cancel(operation).await;
    assert_eq!(fleet.born().await.as_deref(), Some("0001"));
    fleet.work(operation).await;
    fleet.retry(operation).await.unwrap();
    fleet.work(operation).await;

    assert_eq!(fleet.born().await.as_deref(), Some("0002"), "its last wave began again");
    assert_eq!(fleet.ask(TOLD).await, ["0001 0002", "0002 0001", "0001 0002"]);
}

#[tokio::test]
async fn who_goes_back_gives_new_tenants_no_more_at_once() {
    let fleet = settled_fleet().await;
    let up = fleet.start(&json!({ "waves": [] })).await;
    fleet.work(up).await;
    assert_eq!(fleet.born().await.as_deref(), Some("0002"));

    let (down, waves) =
        (OperationId::mint(), json!({ "waves": [{ "count": 1, "gate": "manual" }] }));
    let look = fleet.asked(down, &waves, Direction::Down, None).await.unwrap().unwrap();
    fleet.asked(down, &waves, Direction::Down, Some(&look.digest)).await.unwrap();

    assert_eq!(fleet.born().await.as_deref(), Some("0001"));
    fleet.work(down).await;
    let (_, first, promise) = learnt(fleet.pool(), FIRST).await;
    make(fleet.pool(), "gwen", first, promise).await;
    fleet.cancel(down).await;
    assert_eq!(fleet.born().await.as_deref(), Some("0002"), "what was before it");

    fleet.settle_all().await;
    fleet.only_its_own_workers().await;
    fleet.catch_up().await;
    assert_eq!(fleet.ask(FOLLOWERS).await, ["gwen"], "she was given less than the others");
}

#[tokio::test]
async fn who_was_made_during_a_way_down_goes_down_too() {
    let fleet = settled_fleet().await;
    let up = fleet.start(&json!({ "waves": [] })).await;
    fleet.work(up).await;
    let down = fleet.ask_down(Some("0001")).await;
    let (_, set, promise) = learnt(fleet.pool(), NOTES).await;
    make(fleet.pool(), "gwen", set, promise).await;
    fleet.work(down).await;
    fleet.settle_all().await;
    fleet.only_its_own_workers().await;
    assert_eq!(fleet.ask(VERSIONS).await.last().unwrap(), "gwen 0002");

    fleet.catch_up().await;

    let follow =
        "select i.tenant_name || ' ' || concat_ws(' ', o.params ->> 'direction', o.params ->> 'to')
        from tenantry.operation_items i join tenantry.operations o on o.id = i.operation_id
        where o.kind = 'migrate' and o.finished_at is null";
    assert_eq!(fleet.ask(follow).await, ["gwen down 0001"]);
}

#[tokio::test]
async fn a_cancelled_migration_leaves_a_later_one_and_its_followers_alone() {
    let fleet = settled_fleet().await;
    let gated = json!({ "waves": [{ "count": 1, "gate": "manual" }] });
    let (down, later) = (OperationId::mint(), OperationId::mint());
    for (operation, direction) in [(down, Direction::Down), (later, Direction::Up)] {
        let look = fleet.asked(operation, &gated, direction, None).await.unwrap().unwrap();
        fleet.asked(operation, &gated, direction, Some(&look.digest)).await.unwrap();
    }
    fleet.work(later).await;
    fleet.promote(later, false).await.unwrap();
    assert_eq!(fleet.born().await.as_deref(), Some("0002"));

    fleet.cancel(down).await;

    assert_eq!(fleet.born().await.as_deref(), Some("0002"));
    let follow = "select b.operation_id::text from tenantry.birth_versions b
        where b.made_since is not null order by b.in_force_since desc limit 1";
    assert_eq!(fleet.ask(follow).await, [later.to_string()], "its followers are still to come");
    assert_eq!(fleet.ask("select count(*)::text from tenantry.birth_versions").await, ["3"]);
}

#[tokio::test]
async fn only_a_migration_of_all_tenants_moves_it() {
    let fleet = settled_fleet().await;
    let operation = OperationId::mint();
    let params = json!({ "direction": "up", "set": fleet.set });
    let selector =
        serde_json::from_value(json!({ "created_before": "2100-01-01T00:00:00Z" })).unwrap();
    let all = domain::Selector::all();
    let (_, set, _) = learnt(fleet.pool(), NOTES).await;
    let newest = place(&set);
    let mut asked = control::Asked { selector: &selector, ..asked(operation, &params) };
    let by = By::process("test");
    let mut tx = fleet.pool().begin().await.unwrap();
    assert!(control::admit(&mut tx, by, &asked, None).await.unwrap());
    tx.commit().await.unwrap();
    control::nothing_to_migrate(&fleet.connections(), by, &asked).await.unwrap();
    assert_eq!(fleet.born().await.as_deref(), Some("0001"));

    // one by one they have all come there
    fleet.work(operation).await;
    (asked.selector, asked.but_at) = (&all, Some(&newest));
    control::nothing_to_migrate(&fleet.connections(), by, &asked).await.unwrap();
    assert_eq!(fleet.born().await.as_deref(), Some("0002"));
}

#[tokio::test]
async fn a_worker_gives_what_is_in_force_and_what_it_has_of_it() {
    let fleet = settled_fleet().await;
    let parts = fleet.worker().await;
    assert_eq!((versions(&parts), parts.newest.iter().len()), (vec!["0001"], 2));
    let (item, _) = submit(fleet.pool(), "gwen").await;
    let worker = executor(fleet.pool(), &Arc::new(parts.clone()), WORKER);
    let claim = take(&worker, item).await.unwrap();
    worker.work(claim).await.unwrap();
    assert_eq!(item_state(fleet.pool(), item).await, "succeeded");
    assert_eq!(fleet.ask(VERSIONS).await.last().unwrap(), "gwen 0001");

    let up = fleet.start(&json!({ "waves": [] })).await;
    fleet.work(up).await;
    let mut conn = fleet.pool().acquire().await.unwrap();
    let followed = births::follow(&mut conn, &parts).await.unwrap().unwrap();
    assert_eq!(versions(&followed), ["0001", "0002"]);
    assert_eq!(followed.stamp(), parts.born_with_all().stamp());
    assert!(births::follow(&mut conn, &followed).await.unwrap().is_none());
    drop(conn);

    let (_, first, promise) = learnt(fleet.pool(), FIRST).await;
    let older = Parts::new(
        parts.installation.clone(),
        Arc::new(first),
        Arc::new(promise),
        Arc::clone(&parts.keys),
        5,
    );
    let mut conn = fleet.pool().acquire().await.unwrap();
    let older = births::start_at(&mut conn, older).await.unwrap();
    assert_eq!(versions(&older), ["0001"], "all that it has");
    drop(conn);
    assert_eq!(fleet.born().await.as_deref(), Some("0002"));
}

#[tokio::test]
async fn before_any_tenant_has_migrations_the_newest_worker_sets_it() {
    let db = harness::fresh_db().await;
    let mut conn = db.pool.acquire().await.unwrap();
    for files in [FIRST, NOTES] {
        let (_, set, _) = learnt(&db.pool, files).await;
        store::births::start_at(&mut conn, &place(&set)).await.unwrap();
        let birth = store::births::current(&mut conn).await.unwrap().unwrap();
        assert_eq!((birth.place, birth.versions.len()), (place(&set), files.len().div_ceil(2)));
    }
}

#[tokio::test]
async fn who_was_made_meanwhile_follows_when_the_migration_is_over() {
    let fleet = settled_fleet().await;
    fleet.poison(&["fay"]).await;
    let operation = fleet.start(&json!({ "waves": [] })).await;
    let (_, first, promise) = learnt(fleet.pool(), FIRST).await;
    make(fleet.pool(), "gwen", first, promise).await;
    fleet.catch_up().await;
    assert_eq!(fleet.operations().await, 1, "the migration goes on");
    fleet.work(operation).await;
    fleet.catch_up().await;
    assert_eq!(fleet.operations().await, 1, "gwen's operation is open");

    fleet.settle_all().await;
    fleet.catch_up().await;
    assert_eq!(fleet.operations().await, 1, "a worker has not heard of it");
    fleet.only_its_own_workers().await;
    fleet.catch_up().await;
    fleet.catch_up().await;

    assert_eq!(fleet.operations().await, 2);
    assert_eq!(fleet.ask(FOLLOWERS).await, ["gwen"], "fay failed, and is left to an operator");
}

/// Of all tenants.
pub(super) fn asked(id: OperationId, params: &serde_json::Value) -> control::Asked<'_> {
    static ALL: std::sync::LazyLock<domain::Selector> =
        std::sync::LazyLock::new(domain::Selector::all);
    control::Asked {
        id,
        kind: domain::Kind::Migrate,
        params,
        tenants: None,
        inputs: None,
        selector: &ALL,
        with_version: &[],
        but_at: None,
        run_at: None,
        rollout: None,
        created_by: None,
    }
}

impl Fleet {
    /// A migration of all tenants, not in waves.
    pub(super) async fn ask_all(&self, params: &serde_json::Value) -> OperationId {
        let operation = OperationId::mint();
        let mut tx = self.pool().begin().await.unwrap();
        let by = By::process("test");
        assert!(control::admit(&mut tx, by, &asked(operation, params), None).await.unwrap());
        tx.commit().await.unwrap();
        operation
    }

    pub(super) async fn ask_down(&self, to: Option<&str>) -> OperationId {
        self.ask_all(&json!({ "direction": "down", "set": self.set, "to": to })).await
    }

    /// How many migrations there are.
    async fn operations(&self) -> i64 {
        sqlx::query_scalar("select count(*) from tenantry.operations where kind = 'migrate'")
            .fetch_one(self.pool())
            .await
            .unwrap()
    }

    /// Workers with other migrations sign off.
    async fn only_its_own_workers(&self) {
        let gone = "update tenantry.workers set stopped_at = clock_timestamp()
            where set_hash is distinct from $1";
        sqlx::query(gone).bind(&self.set).execute(self.pool()).await.unwrap();
    }

    pub(super) async fn settle_all(&self) {
        let open = "select id from tenantry.operations where finished_at is null";
        let open: Vec<sqlx::types::Uuid> =
            sqlx::query_scalar(open).fetch_all(self.pool()).await.unwrap();
        for operation in open {
            control::settle(&self.connections(), OperationId::new(operation)).await.unwrap();
        }
    }
}
