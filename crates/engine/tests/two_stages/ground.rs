//! A database with reserved tenants and queued items, and what the tests ask of it.

use std::{sync::Arc, time::Duration};

use domain::{
    ItemError, ItemId, ItemState, Kind, Labels, Mode, OperationId, RoleName, SchemaName, Settings,
    codes,
};
use engine::Runner;
use harness::Db;
use serde_json::value::RawValue;
use sqlx::PgConnection;
use store::{
    StageLimits,
    items::{self, Claim},
    operations, tenants, workers,
};

use crate::script::{EFFECTS, Elsewhere, Script};

pub(crate) struct Ground {
    pub(crate) db: Db,
    pub(crate) script: Arc<Script>,
    pub(crate) operation: OperationId,
    pub(crate) items: Vec<ItemId>,
    /// Where the tenants are, if not in `db`.
    pub(crate) there: Option<Db>,
}

impl Ground {
    /// An operation of `n` items that no worker has begun.
    pub(crate) async fn of(n: usize) -> Self {
        let db = harness::fresh_db().await;
        let mut conn = db.pool.acquire().await.unwrap();
        sqlx::raw_sql(EFFECTS).execute(&mut *conn).await.unwrap();
        let operation = OperationId::mint();
        let (id, timeout) = (operation, Duration::from_secs(600));
        let (mode, total) = (Mode::Independent, n);
        let row = operations::NewOperationRow {
            kind: Kind::Provision,
            id,
            mode,
            total,
            created_by: None,
            run_at: None,
            timeout,
        };
        operations::insert(&mut conn, row).await.unwrap();
        let items = submit(&mut conn, operation, n).await;
        drop(conn);
        Self { db, script: Arc::default(), operation, items, there: None }
    }

    /// The same, whose tenants are in another database.
    pub(crate) async fn elsewhere(n: usize) -> Self {
        let there = harness::empty_db().await;
        engine::fence::install(&there.pool).await.unwrap();
        sqlx::raw_sql(EFFECTS).execute(&there.pool).await.unwrap();
        Self { there: Some(there), ..Self::of(n).await }
    }

    pub(crate) async fn conn(&self) -> sqlx::pool::PoolConnection<sqlx::Postgres> {
        self.db.pool.acquire().await.unwrap()
    }

    pub(crate) fn runner(&self) -> Runner {
        let runner = runner(&self.db.pool);
        match &self.there {
            Some(there) => runner.with_databases(Arc::new(Elsewhere(there.pool.clone()))),
            None => runner,
        }
    }

    /// The first item, claimed by `worker`; `None` when it is not free.
    pub(crate) async fn claim(&self, worker: &str) -> Option<Claim> {
        claim(&mut *self.conn().await, &self.items[..1], worker).await.pop()
    }

    /// The first item is given back to be tried again.
    pub(crate) async fn retry_later(&self, held: &Claim) {
        let reason = ItemError::rejected(codes::INTERNAL, "another try");
        let mut conn = self.conn().await;
        let given = items::retry_later(&mut conn, held, &reason, true, Duration::ZERO).await;
        assert!(given.unwrap(), "the claim still holds");
    }

    /// What is built of the operation is turned back.
    pub(crate) async fn turn_back(&self) {
        let reason = ItemError::rejected(codes::BATCH_ROLLED_BACK, "another failed");
        let mut conn = self.conn().await;
        let turned = items::turn_built_back(&mut conn, self.operation, &reason).await.unwrap();
        assert_eq!(turned.len(), 1);
    }

    /// The claimed item is turned back.
    pub(crate) async fn begin_unwind(&self, claim: &mut Claim) {
        let reason = ItemError::rejected(codes::INTERNAL, "it fails");
        let committed = items::begin_unwind(&mut *self.conn().await, claim, &reason).await;
        claim.checkpoints = committed.unwrap().expect("the claim holds");
        claim.state = ItemState::Unwinding;
    }

    /// `idx state` of each item.
    pub(crate) async fn states(&self) -> Vec<String> {
        self.ask("select idx || ' ' || state from tenantry.operation_items order by idx").await
    }

    /// The steps whose effect is there, for any tenant.
    pub(crate) async fn made(&self) -> Vec<String> {
        let made = "select step from public.made order by tenant, step";
        let pool = &self.there.as_ref().unwrap_or(&self.db).pool;
        sqlx::query_scalar(made).fetch_all(pool).await.unwrap()
    }

    /// `stage done` or `stage undone` of each checkpoint.
    pub(crate) async fn checkpoints(&self) -> Vec<String> {
        self.ask(
            "select stage || case when undone_at is null then ' done' else ' undone' end
             from tenantry.checkpoints order by item_id, stage",
        )
        .await
    }

    pub(crate) async fn ask(&self, sql: &'static str) -> Vec<String> {
        sqlx::query_scalar(sql).fetch_all(&self.db.pool).await.unwrap()
    }
}

pub(crate) fn runner(pool: &sqlx::PgPool) -> Runner {
    let secs = Duration::from_secs;
    let limits = StageLimits { statement: secs(20), lock: secs(20), silence: secs(10) };
    Runner::new(pool.clone(), limits, 500)
}

/// Claims `items` for `worker`, which is registered if it is not.
pub(crate) async fn claim(conn: &mut PgConnection, items: &[ItemId], worker: &str) -> Vec<Claim> {
    let there: bool =
        sqlx::query_scalar("select exists (select from tenantry.workers where id = $1)")
            .bind(worker)
            .fetch_one(&mut *conn)
            .await
            .unwrap();
    let dead_after = Duration::from_secs(60);
    let by = items::Claimant { worker, kinds: Kind::ALL, set: "", dead_after };
    if !there {
        workers::register(conn, &by, "here", 1, "test").await.unwrap();
    }
    items::claim(conn, items, &by).await.unwrap()
}

async fn submit(conn: &mut PgConnection, operation: OperationId, n: usize) -> Vec<ItemId> {
    let installation = store::installation(conn).await.unwrap();
    let ids = tenants::allocate_ids(conn, n).await.unwrap();
    let reserved: Vec<_> = ids
        .iter()
        .map(|id| tenants::Reservation {
            id: *id,
            name: "Acme".to_owned(),
            description: None,
            domain: format!("acme{id}.example"),
            schema: SchemaName::from_registry(format!("acme{id}")).unwrap(),
            role: RoleName::of(&installation, *id),
            external_id: None,
            settings: Settings::default(),
            labels: Labels::default(),
        })
        .collect();
    tenants::reserve(conn, &reserved).await.unwrap();
    let request = RawValue::from_string("{}".to_owned()).unwrap();
    let rows: Vec<_> = (0..)
        .zip(&ids)
        .map(|(index, id)| items::NewItemRow {
            index,
            state: ItemState::Queued,
            request: &request,
            tenant_name: None,
            domain: None,
            schema: None,
            tenant: Some(*id),
            error: None,
        })
        .collect();
    items::insert(conn, operation, &rows, None).await.unwrap()
}
