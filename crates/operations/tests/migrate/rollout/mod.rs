//! Migrations in waves: six tenants, and a worker that takes them from the first version to the second.

mod births;
mod births_in_turn;
mod halts;
mod membership;
mod waits;

use domain::{Direction, Kind, Migrate, OperationId, Rollout, Selector, SettingsPolicy};
use engine::control::{self, ControlError, Group, Retry};
use harness::Db;
use operations::{Executor, Making, Plans, migrate::Migrating};
use serde_json::{Value, json};
use sqlx::PgPool;
use std::{sync::Arc, time::Duration};
use store::{Connections, audit::By, items, operations::Selected};
use tempfile::TempDir;

use crate::{
    FIRST, Files, ask,
    bench::{WORKER, register},
    executor, learnt, make, rules,
};

const NOTES: Files = &[
    FIRST[0],
    ("0002_note.up.sql", "create table note (id bigint primary key);"),
    ("0002_note.down.sql", "drop table note;"),
];

const NAMES: [&str; 6] = ["anne", "bob", "cleo", "dora", "emil", "fay"];

/// States and waves of the items of the rollouts, by tenant.
const ITEMS: &str = "select concat_ws(' ', t.name, i.wave, i.state, i.error_code)
    from tenantry.operation_items i join tenantry.tenants t on t.id = i.tenant_id
    where i.wave is not null order by i.operation_id, i.tenant_id";

const WAVES: &str = "select wave || ' ' || total || ' ' || state from tenantry.rollout_waves order by operation_id, wave";

const REASONS: &str =
    "select unnest(pause_reasons) from tenantry.operations where wave is not null";

const STATE: &str = "select state from tenantry.operations where wave is not null";

struct Fleet {
    db: Db,
    executor: Executor,
    set: String,
    _folder: TempDir,
}

/// Six tenants at the first version, and a worker with the second.
async fn fleet() -> Fleet {
    let db = harness::fresh_db().await;
    register(&db.pool, WORKER).await;
    let (_, first, promise) = learnt(&db.pool, FIRST).await;
    for name in NAMES {
        make(&db.pool, name, first.clone(), promise.clone()).await;
    }
    let (folder, set, promise) = learnt(&db.pool, NOTES).await;
    let hash = set.hash().to_owned();
    let migrating = Migrating {
        migrations: Arc::new(set),
        promise: Some(Arc::new(promise)),
        making: Making::default(),
    };
    let plans = Plans::migrating(&Arc::new(migrating)).unwrap();
    let by = plans.claimant("migrator", rules().dead_after);
    let mut conn = db.pool.acquire().await.unwrap();
    store::workers::register(&mut conn, &by, "here", 1, "test").await.unwrap();
    drop(conn);
    let executor = executor(&db.pool, plans, "migrator");
    Fleet { db, executor, set: hash, _folder: folder }
}

impl Fleet {
    fn pool(&self) -> &PgPool {
        &self.db.pool
    }

    fn connections(&self) -> Connections {
        self.db.pool.clone().into()
    }

    async fn plan(&self, rollout: &Value) -> Selected {
        self.asked(OperationId::mint(), rollout, Direction::Up, None).await.unwrap().unwrap()
    }

    async fn start(&self, rollout: &Value) -> OperationId {
        let operation = OperationId::mint();
        let digest = self.plan(rollout).await.digest;
        let asked = self.asked(operation, rollout, Direction::Up, Some(&digest)).await;
        assert!(asked.unwrap().is_none());
        operation
    }

    /// Looks, or, with a digest, admits.
    async fn asked(
        &self,
        id: OperationId,
        rollout: &Value,
        direction: Direction,
        digest: Option<&str>,
    ) -> Result<Option<Selected>, ControlError> {
        let to = (direction == Direction::Down).then(|| "0001".to_owned());
        let asked = Migrate { direction, set: self.set.clone(), to, allow_drift: false };
        let rollout: Rollout = serde_json::from_value(rollout.clone()).unwrap();
        rollout.check().unwrap();
        let asked = control::Asked {
            id,
            kind: Kind::Migrate,
            params: &serde_json::to_value(asked).unwrap(),
            tenants: None,
            inputs: None,
            selector: &Selector::all(),
            with_version: &[],
            but_at: None,
            run_at: None,
            rollout: Some(&rollout),
            created_by: None,
        };
        let mut tx = self.pool().begin().await.unwrap();
        let Some(digest) = digest else { return control::look(&mut tx, &asked).await.map(Some) };
        let admitted = control::admit(&mut tx, By::process("test"), &asked, Some(digest)).await?;
        tx.commit().await.unwrap();
        assert!(admitted);
        Ok(None)
    }

    /// Works until nothing of the rollout is free.
    async fn work(&self, operation: OperationId) {
        let (pool, by) = (self.connections(), By::process("test"));
        loop {
            control::roll_on(&pool, by, operation).await.unwrap();
            let mut conn = self.pool().acquire().await.unwrap();
            let free = items::due(&mut conn, operation, 100).await.unwrap();
            drop(conn);
            let claims = self.executor.claim(&free).await.unwrap();
            if claims.is_empty() {
                break;
            }
            for claim in claims {
                self.executor.work(claim).await.unwrap();
            }
        }
        control::settle(&pool, operation).await.unwrap();
    }

    async fn poison(&self, tenants: &[&str]) {
        for tenant in tenants {
            let sql = format!("create table {tenant}.note ()");
            sqlx::query(sqlx::AssertSqlSafe(sql)).execute(self.pool()).await.unwrap();
        }
    }

    async fn mend(&self, tenants: &[&str]) {
        for tenant in tenants {
            let sql = format!("drop table {tenant}.note");
            sqlx::query(sqlx::AssertSqlSafe(sql)).execute(self.pool()).await.unwrap();
        }
    }

    async fn retry(&self, operation: OperationId) -> Result<usize, ControlError> {
        let policy = SettingsPolicy::default();
        let how = Retry {
            group: &Group::default(),
            policy: &policy,
            schema_prefix: "t_",
            timeout: Duration::from_secs(60),
        };
        control::retry(&self.connections(), By::process("test"), operation, how).await
    }

    async fn promote(&self, operation: OperationId, all: bool) -> Result<(), ControlError> {
        control::promote(&self.connections(), By::process("test"), operation, all).await
    }

    async fn ask(&self, sql: &'static str) -> Vec<String> {
        ask(self.pool(), sql).await
    }
}

fn by_name(name: &str) -> Value {
    json!({ "selector": { "name_prefix": name } })
}
