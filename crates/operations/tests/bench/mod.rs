//! What the tests of this crate share: a reserved tenant, a claimed item, the parts of a plan.

#![allow(dead_code, reason = "each test binary uses its own part of this")]
#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

pub(crate) mod lossy_proxy;

use std::{path::Path, pin::pin, sync::Arc, time::Duration};

use domain::{Backoff, ItemId, Kind, OperationId, RoleName, Selector, TenantId};
use engine::{Runner, control};
use keys::{KeyRules, MasterKey, MasterKeys, Minter};
use operations::{Executor, Making, Parts, Plans, RetryRules};
use serde_json::{Value, value::RawValue};
use sqlx::PgPool;
use store::{
    StageLimits,
    audit::By,
    items::{Claim, Claimant},
};
use tenantdb::{MigrationSet, Promise};

pub(crate) const WORKER: &str = "worker-of-the-test";

pub(crate) async fn parts(pool: &PgPool) -> Arc<Parts> {
    parts_with(pool, MigrationSet::embedded()).await
}

pub(crate) async fn parts_from(pool: &PgPool, folder: &Path) -> Arc<Parts> {
    parts_with(pool, MigrationSet::load(folder).unwrap()).await
}

async fn parts_with(pool: &PgPool, migrations: MigrationSet) -> Arc<Parts> {
    let mut conn = pool.acquire().await.unwrap();
    let installation = store::installation(&mut conn).await.unwrap();
    let promise = Promise::learn(&mut conn, &migrations).await.unwrap();
    let sealer = MasterKeys::parse(&MasterKey::generate(), None).unwrap().sealer(b"");
    let rules = KeyRules::new(Minter::new("tk_", 32).unwrap(), sealer, 1, None);
    let (migrations, promise) = (Arc::new(migrations), Arc::new(promise));
    Arc::new(Parts::new(installation, migrations, promise, Arc::new(rules), 5))
}

pub(crate) fn executor(pool: &PgPool, parts: &Arc<Parts>, worker: &str) -> Executor {
    let secs = Duration::from_secs;
    let limits = StageLimits { statement: secs(20), lock: secs(10), silence: secs(10) };
    let rules = RetryRules {
        max_attempts: 3,
        backoff: Backoff { base_ms: 1, cap_ms: 10 },
        dead_after: Duration::from_secs(60),
    };
    let plan = Plans::new(parts).unwrap().for_good();
    let runner = Runner::new(pool.clone(), limits, 500);
    Executor::new(pool.clone(), runner, plan, rules, worker.to_owned()).in_groups_of(64)
}

/// An operation of one, its tenant reserved under `name`.
pub(crate) async fn submit(pool: &PgPool, name: &str) -> (ItemId, TenantId) {
    let mut conn = pool.acquire().await.unwrap();
    let installation = store::installation(&mut conn).await.unwrap();
    let tenant: i64 = sqlx::query_scalar("select nextval('tenantry.tenants_id_seq')")
        .fetch_one(&mut *conn)
        .await
        .unwrap();
    let role = RoleName::of(&installation, TenantId::new(tenant));
    sqlx::query(
        "insert into tenantry.tenants (id, name, domain, schema_name, role_name)
         values ($1, $2, $2 || '.example', $2, $3)",
    )
    .bind(tenant)
    .bind(name)
    .bind(role.as_str())
    .execute(&mut *conn)
    .await
    .unwrap();
    let item: i64 = sqlx::query_scalar(
        "with b as (insert into tenantry.operations (id, state, mode, total)
                    values (gen_random_uuid(), 'queued', 'independent', 1) returning id)
         insert into tenantry.operation_items (operation_id, idx, state, tenant_id, input)
         select id, 0, 'queued', $1, '{}' from b returning id",
    )
    .bind(tenant)
    .fetch_one(&mut *conn)
    .await
    .unwrap();
    (ItemId::new(item), TenantId::new(tenant))
}

/// Asks for something of these tenants, with an input for each where their kind has one.
pub(crate) async fn admit(
    pool: &PgPool,
    kind: Kind,
    params: &Value,
    tenants: &[TenantId],
    inputs: Option<&[Box<RawValue>]>,
) -> OperationId {
    let asked = control::Asked {
        id: OperationId::mint(),
        kind,
        params,
        tenants: Some(tenants),
        inputs,
        selector: &Selector::default(),
        with_version: &[],
        but_at: None,
        run_at: None,
        rollout: None,
        created_by: None,
    };
    let mut tx = pool.begin().await.unwrap();
    assert!(control::admit(&mut tx, By::process("test"), &asked, None).await.unwrap());
    tx.commit().await.unwrap();
    asked.id
}

/// Does `work` while a new tenant is being made. The tenant is done as soon as `work` waits for it; `work` that
/// never waits fails the test.
pub(crate) async fn giving_way<T>(making: &Making, work: impl Future<Output = T>) -> T {
    let mut one_more = Some(making.begin());
    let mut work = pin!(work);
    loop {
        tokio::select! {
            done = &mut work => {
                assert!(one_more.is_none(), "nothing waited for the tenant that was being made");
                return done;
            }
            () = tokio::time::sleep(Duration::from_millis(1)) => {
                one_more.take_if(|_| making.waiting() > 0);
            }
        }
    }
}

pub(crate) async fn register(pool: &PgPool, worker: &str) {
    let mut conn = pool.acquire().await.unwrap();
    let by = Claimant { worker, ..by(Duration::ZERO) };
    store::workers::register(&mut conn, &by, "here", 1, "test").await.unwrap();
}

/// [`WORKER`], who knows every kind.
pub(crate) fn by(dead_after: Duration) -> Claimant<'static> {
    Claimant { worker: WORKER, kinds: Kind::ALL, set: "", dead_after }
}

/// Claims `item` for [`WORKER`].
pub(crate) async fn claim(pool: &PgPool, item: ItemId) -> Claim {
    let mut conn = pool.acquire().await.unwrap();
    store::items::claim(&mut conn, &[item], &by(Duration::from_secs(60)))
        .await
        .unwrap()
        .pop()
        .expect("the item is free")
}

/// Claims `item` for the worker of `executor`, if it is free.
pub(crate) async fn take(executor: &Executor, item: ItemId) -> Option<Claim> {
    executor.claim(&[item]).await.unwrap().pop()
}

pub(crate) async fn item_state(pool: &PgPool, item: ItemId) -> String {
    sqlx::query_scalar("select state from tenantry.operation_items where id = $1")
        .bind(item.get())
        .fetch_one(pool)
        .await
        .unwrap()
}

/// How often the end of an operation was announced.
pub(crate) async fn ends_told(pool: &PgPool) -> i64 {
    sqlx::query_scalar("select count(*) from tenantry.outbox where kind = 'operation.finished'")
        .fetch_one(pool)
        .await
        .unwrap()
}

pub(crate) async fn tenant_state(pool: &PgPool, tenant: TenantId) -> String {
    sqlx::query_scalar("select state from tenantry.tenants where id = $1")
        .bind(tenant.get())
        .fetch_one(pool)
        .await
        .unwrap()
}

/// Whether (the schema, the role, a live key) of the tenant exist.
pub(crate) async fn remains(pool: &PgPool, tenant: TenantId) -> (bool, bool, bool) {
    sqlx::query_as(
        "select to_regnamespace(quote_ident(schema_name)) is not null,
                exists (select from pg_roles where rolname = role_name),
                exists (select from tenantry.api_keys k where k.tenant_id = t.id and revoked_at is null)
         from tenantry.tenants t where id = $1",
    )
    .bind(tenant.get())
    .fetch_one(pool)
    .await
    .unwrap()
}
