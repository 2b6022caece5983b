//! Kinds `rotate_keys` and `revoke_keys`.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the failure")]

mod bench;

use domain::{ItemId, Kind, OperationId, TenantId};
use operations::Executor;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::bench::{WORKER, executor, parts, register, submit, take};

struct Fixture {
    db: harness::Db,
    worker: Executor,
    tenants: Vec<TenantId>,
}

impl Fixture {
    /// `n` active tenants, each with a key.
    async fn of(n: usize) -> Self {
        let db = harness::fresh_db().await;
        let worker = executor(&db.pool, &parts(&db.pool).await, WORKER);
        register(&db.pool, WORKER).await;
        let mut tenants = Vec::new();
        for n in 0..n {
            let (item, tenant) = submit(&db.pool, &format!("t{n}")).await;
            let claim = take(&worker, item).await.unwrap();
            worker.work(claim).await.unwrap();
            tenants.push(tenant);
        }
        Self { db, worker, tenants }
    }

    fn pool(&self) -> &PgPool {
        &self.db.pool
    }

    async fn admit(&self, kind: Kind, params: Value) -> OperationId {
        bench::admit(self.pool(), kind, &params, &self.tenants, None).await
    }

    /// Works on all items of the operation: the first alone, the others together. Their states, codes and results.
    async fn work(&self, operation: OperationId) -> Vec<(String, String, Value)> {
        let mut conn = self.pool().acquire().await.unwrap();
        let due = store::items::due(&mut conn, operation, 100).await.unwrap();
        let mut claims = self.worker.claim(&due).await.unwrap();
        self.worker.work(claims.remove(0)).await.unwrap();
        for claim in self.worker.work_together(claims).await.left {
            self.worker.work(claim).await.unwrap();
        }
        sqlx::query_as(
            "select state, coalesce(error_code, ''), coalesce(result, 'null')
             from tenantry.operation_items where operation_id = $1 order by idx",
        )
        .bind(operation.get())
        .fetch_all(self.pool())
        .await
        .unwrap()
    }

    /// The live keys of each tenant: ids, and whether they are to expire.
    async fn live(&self) -> Vec<(i64, i64, bool)> {
        sqlx::query_as(
            "select tenant_id, id, expires_at is not null from tenantry.api_keys
             where revoked_at is null and (expires_at is null or expires_at > clock_timestamp()) order by 1, 2",
        )
        .fetch_all(self.pool())
        .await
        .unwrap()
    }
}

#[tokio::test]
async fn each_tenant_gets_a_key_beside_its_old_one_which_ends_after_the_overlap() {
    let it = Fixture::of(3).await;
    let before = it.live().await;

    let operation = it.admit(Kind::RotateKeys, json!({ "overlap_hours": 2 })).await;
    let items = it.work(operation).await;

    let live = it.live().await;
    assert_eq!(live.len(), 6);
    for ((state, _, result), (tenant, old, _)) in items.iter().zip(&before) {
        let new = live.iter().find(|(of, _, expires)| of == tenant && !expires).unwrap().1;
        assert_eq!(
            (state.as_str(), result),
            ("succeeded", &json!({ "key": new, "replaced": [old], "overlap_hours": 2 }))
        );
    }
    let ends = "select count(*) from tenantry.api_keys
        where expires_at between now() + interval '119 minutes' and now() + interval '2 hours'";
    let ends: i64 = sqlx::query_scalar(ends).fetch_one(it.pool()).await.unwrap();
    assert_eq!(ends, 3);
    let audited = "select count(*) from tenantry.audit_log where action = 'keys.rotated'";
    let audited: i64 = sqlx::query_scalar(audited).fetch_one(it.pool()).await.unwrap();
    assert_eq!(audited, 3);
    let mut conn = it.pool().acquire().await.unwrap();
    let revealed = store::api_keys::reveal(&mut conn, operation, 0, 10).await.unwrap();
    let told: Vec<_> = revealed.iter().map(|key| (key.index, key.domain.as_str())).collect();
    assert_eq!(told, [(Some(0), "t0.example"), (Some(1), "t1.example"), (Some(2), "t2.example")]);
}

#[tokio::test]
async fn a_tenant_never_has_three_live_keys_and_without_an_overlap_the_old_ones_end_at_once() {
    let it = Fixture::of(2).await;
    let overlapping = json!({ "overlap_hours": 1 });
    it.work(it.admit(Kind::RotateKeys, overlapping.clone()).await).await;
    let before = it.live().await;

    let refused = it.work(it.admit(Kind::RotateKeys, overlapping).await).await;
    let after = it.live().await;
    let at_once = it
        .work(it.admit(Kind::RotateKeys, json!({ "overlap_hours": 0, "expires_days": 3 })).await)
        .await;

    assert!(
        refused.iter().all(|(state, code, _)| state == "failed" && code == "too_many_keys"),
        "{refused:?}"
    );
    assert_eq!(after, before, "nothing was changed");
    assert!(at_once.iter().all(|(state, _, _)| state == "succeeded"), "{at_once:?}");
    let live = it.live().await;
    assert!(live.len() == 2 && live.iter().all(|(_, _, expires)| *expires), "{live:?}");
}

#[tokio::test]
async fn a_revocation_waits_for_nobody_and_leaves_keys_that_were_issued_after_it() {
    let it = Fixture::of(2).await;
    let before = it.live().await;
    let (held, _) = submit(it.pool(), "other").await;
    let hold =
        "update tenantry.operation_items set state = 'running', tenant_id = $2 where id = $1";
    sqlx::query(hold).bind(held.get()).bind(it.tenants[0].get()).execute(it.pool()).await.unwrap();

    let operation = it.admit(Kind::RevokeKeys, json!({})).await;
    assert_eq!(it.live().await, [], "from the admission on");
    let add = "insert into tenantry.api_keys (tenant_id, hash, prefix, last4, created_at)
        select t, sha256(t::text::bytea), 'tk_', 'abcd', now() + make_interval(hours => h)
        from unnest($1::bigint[], '{-1,1}'::int[]) k (t, h)";
    let ids: Vec<i64> = it.tenants.iter().map(|tenant| tenant.get()).collect();
    sqlx::query(add).bind(&ids).execute(it.pool()).await.unwrap();
    let items = it.work(operation).await;

    let live = it.live().await;
    assert_eq!(
        live.iter().map(|(tenant, _, _)| *tenant).collect::<Vec<_>>(),
        ids[1..],
        "issued after it"
    );
    let late: i64 =
        sqlx::query_scalar("select max(id) from tenantry.api_keys where tenant_id = $1")
            .bind(ids[0])
            .fetch_one(it.pool())
            .await
            .unwrap();
    let results: Vec<&Value> = items.iter().map(|(_, _, result)| result).collect();
    let revoked = |keys: &[i64]| json!({ "revoked": keys });
    assert_eq!(results, [&revoked(&[before[0].1, late]), &revoked(&[before[1].1])]);
    let audited = "select count(*) from tenantry.audit_log where action = 'keys.revoked'";
    let audited: i64 = sqlx::query_scalar(audited).fetch_one(it.pool()).await.unwrap();
    assert_eq!(audited, 2);
    let _: ItemId = held;
}
