//! Kind `update`.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the failure")]

mod bench;

use domain::{Kind, OperationId, TenantId};
use operations::{Executor, carry_out};
use serde_json::{Value, json, value::RawValue};
use sqlx::{AssertSqlSafe, PgPool};
use tokio_util::sync::CancellationToken;

use crate::bench::{WORKER, executor, item_state, parts, register, submit, take};

struct Fixture {
    db: harness::Db,
    worker: Executor,
}

impl Fixture {
    async fn start() -> Self {
        let db = harness::fresh_db().await;
        let worker = executor(&db.pool, &parts(&db.pool).await, WORKER);
        register(&db.pool, WORKER).await;
        Self { db, worker }
    }

    fn pool(&self) -> &PgPool {
        &self.db.pool
    }

    async fn tenant(&self, name: &str) -> TenantId {
        let (item, tenant) = submit(self.pool(), name).await;
        let claim = take(&self.worker, item).await.unwrap();
        self.worker.work(claim).await.unwrap();
        tenant
    }

    /// Admits a change of each of these tenants.
    async fn admit(&self, changes: &[(TenantId, Value)]) -> OperationId {
        let (tenants, inputs): (Vec<TenantId>, Vec<Box<RawValue>>) = changes
            .iter()
            .map(|(id, input)| (*id, RawValue::from_string(input.to_string()).unwrap()))
            .unzip();
        bench::admit(self.pool(), Kind::Update, &json!({}), &tenants, Some(&inputs)).await
    }

    /// Its items: state, code and result, in the order of the list.
    async fn items(&self, operation: OperationId) -> Vec<(String, String, Value)> {
        sqlx::query_as(
            "select state, coalesce(error_code, ''), coalesce(result, 'null')
             from tenantry.operation_items where operation_id = $1 order by idx",
        )
        .bind(operation.get())
        .fetch_all(self.pool())
        .await
        .unwrap()
    }

    /// Changes one tenant, and tells what became of it.
    async fn change(&self, tenant: TenantId, input: Value) -> (String, String, Value) {
        let operation = self.admit(&[(tenant, input)]).await;
        self.carry_out(operation).await;
        self.items(operation).await.remove(0)
    }

    async fn carry_out(&self, operation: OperationId) {
        carry_out(&self.worker, operation, 1, &CancellationToken::new()).await.unwrap();
    }

    async fn execute(&self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(self.pool()).await.unwrap();
    }

    async fn registered(&self, tenant: TenantId) -> Value {
        sqlx::query_scalar(
            "select json_build_object('id', id, 'name', name, 'domain', domain, 'settings', settings)
             from tenantry.tenants where id = $1",
        )
        .bind(tenant.get())
        .fetch_one(self.pool())
        .await
        .unwrap()
    }

    async fn own_rows(&self, schema: &str) -> Vec<Value> {
        let rows = format!(
            "select json_build_object('id', id, 'name', name, 'domain', domain, 'settings', settings)
             from {schema}.tenant"
        );
        sqlx::query_scalar(AssertSqlSafe(rows)).fetch_all(self.pool()).await.unwrap()
    }
}

#[tokio::test]
async fn a_change_is_in_the_registry_and_in_the_tenants_own_row() {
    let it = Fixture::start().await;
    let tenant = it.tenant("anne").await;
    let patch = json!({ "patch": { "tenant_name": "New", "domain": "new.example",
        "settings": { "metadata": { "plan": 1 } }, "labels": { "tier": "gold" } },
        "defaults": { "features": ["crm"], "limits": {} } });

    let changed = it.change(tenant, patch.clone()).await;
    let again = it.change(tenant, patch).await;

    let fields = json!(["tenant_name", "domain", "settings", "labels"]);
    let result =
        |changed: &Value, written: bool| json!({ "changed": changed, "own_row_written": written });
    let succeeded = |result| ("succeeded".to_owned(), String::new(), result);
    assert_eq!(changed, succeeded(result(&fields, true)));
    assert_eq!(again, succeeded(result(&json!([]), false)), "nothing is to be changed");
    let told = it.registered(tenant).await;
    assert_eq!(it.own_rows("anne").await, std::slice::from_ref(&told));
    assert_eq!(
        (&told["domain"], &told["settings"]["features"]),
        (&json!("new.example"), &json!(["crm"]))
    );
    let audited: Vec<Value> = sqlx::query_scalar(
        "select detail from tenantry.audit_log where action = 'tenant.updated' and tenant_id = $1",
    )
    .bind(tenant.get())
    .fetch_all(it.pool())
    .await
    .unwrap();
    assert_eq!(audited, [result(&fields, true)], "once, and names of fields alone");
}

#[tokio::test]
async fn a_name_that_was_taken_meanwhile_changes_nothing() {
    let it = Fixture::start().await;
    let (one, two) = (it.tenant("anne").await, it.tenant("bert").await);
    let before = it.registered(one).await;
    it.execute(&format!("update tenantry.tenants set external_id = 'x' where id = {two}")).await;

    for (patch, code) in [
        (json!({ "tenant_name": "New", "domain": "bert.example" }), "domain_taken"),
        (json!({ "tenant_name": "New", "external_id": "x" }), "external_id_taken"),
    ] {
        let (state, told, _) = it.change(one, json!({ "patch": patch })).await;

        assert_eq!((state.as_str(), told.as_str()), ("failed", code));
        assert_eq!(it.registered(one).await, before);
        assert_eq!(it.own_rows("anne").await, std::slice::from_ref(&before));
    }
}

#[tokio::test]
async fn a_tenant_that_was_changed_after_it_was_read_is_left_alone() {
    let it = Fixture::start().await;
    let tenant = it.tenant("anne").await;
    let mut conn = it.pool().acquire().await.unwrap();
    let read = store::tenants::find(&mut conn, tenant).await.unwrap().unwrap().version;
    let change = |name: &str| json!({ "patch": { "tenant_name": name }, "if_match": ["x", read] });

    let (first, _, _) = it.change(tenant, change("first")).await;
    let (second, code, _) = it.change(tenant, change("second")).await;

    assert_eq!((first.as_str(), second.as_str()), ("succeeded", "failed"));
    assert_eq!(
        (code.as_str(), &it.registered(tenant).await["name"]),
        ("precondition_failed", &json!("first"))
    );
}

#[tokio::test]
async fn an_own_row_that_is_not_there_is_written_and_a_table_that_does_not_fit_is_left_alone() {
    let it = Fixture::start().await;
    let tenant = it.tenant("anne").await;
    let patch = |text: &str| json!({ "patch": { "description": text } });
    it.execute("delete from anne.tenant").await;

    let (_, _, written) = it.change(tenant, patch("a")).await;
    assert_eq!(written, json!({ "changed": ["description"], "own_row_written": true }));
    assert_eq!(it.own_rows("anne").await, [it.registered(tenant).await]);

    it.execute("update anne.tenant set name = 'x'; alter table anne.tenant add column more int not null default 1; alter table anne.tenant alter column more drop default").await;
    let (_, _, left) = it.change(tenant, patch("b")).await;
    assert_eq!(left, json!({ "changed": ["description"], "own_row_written": false }));

    it.execute("drop table anne.tenant").await;
    let (state, _, _) = it.change(tenant, patch("c")).await;
    assert_eq!(state, "succeeded");
}

#[tokio::test]
async fn a_table_of_the_tenant_that_refuses_the_row_keeps_the_registry_as_it_was() {
    let it = Fixture::start().await;
    let tenant = it.tenant("anne").await;
    let before = it.registered(tenant).await;
    it.execute("insert into anne.tenant values (7, 'x', 'new.example', '{}')").await;

    let (state, code, _) = it.change(tenant, json!({ "patch": { "domain": "new.example" } })).await;

    assert_eq!((state.as_str(), code.as_str()), ("failed", "own_row_refused"));
    assert_eq!(it.registered(tenant).await, before);
}

#[tokio::test]
async fn a_row_that_the_application_holds_is_waited_for() {
    let it = Fixture::start().await;
    let tenant = it.tenant("anne").await;
    let operation = it.admit(&[(tenant, json!({ "patch": { "tenant_name": "New" } }))]).await;
    let item: i64 = sqlx::query_scalar("select max(id) from tenantry.operation_items")
        .fetch_one(it.pool())
        .await
        .unwrap();
    let item = domain::ItemId::new(item);
    let mut application = it.pool().begin().await.unwrap();
    sqlx::raw_sql("lock table anne.tenant").execute(&mut *application).await.unwrap();

    let claim = take(&it.worker, item).await.unwrap();
    it.worker.work(claim).await.unwrap();
    let held = item_state(it.pool(), item).await;
    application.rollback().await.unwrap();
    it.carry_out(operation).await;

    assert_eq!(
        (held.as_str(), item_state(it.pool(), item).await.as_str()),
        ("retrying", "succeeded")
    );
    assert_eq!(it.own_rows("anne").await[0]["name"], "New");
}

#[tokio::test]
async fn a_suspended_tenant_is_changed_and_one_that_is_being_deleted_is_not() {
    let it = Fixture::start().await;
    let tenant = it.tenant("anne").await;
    let mut outcomes = Vec::new();

    for state in ["suspended", "deleting"] {
        let operation = it.admit(&[(tenant, json!({ "patch": { "description": state } }))]).await;
        it.execute(&format!("update tenantry.tenants set state = '{state}' where id = {tenant}"))
            .await;
        it.carry_out(operation).await;
        outcomes.push(it.items(operation).await.remove(0).1);
    }

    assert_eq!(outcomes, ["", "tenant_not_active"]);
}

#[tokio::test]
async fn many_changes_share_transactions_and_the_list_keeps_its_order() {
    let it = Fixture::start().await;
    let mut tenants = Vec::new();
    for n in 0..20 {
        tenants.push(it.tenant(&format!("t{n}")).await);
    }
    tenants.reverse();
    let changes: Vec<_> = tenants
        .iter()
        .enumerate()
        .map(|(n, id)| (*id, json!({ "patch": { "tenant_name": format!("N{n}") } })))
        .collect();

    let operation = it.admit(&changes).await;
    let mut conn = it.pool().acquire().await.unwrap();
    let due = store::items::due(&mut conn, operation, 100).await.unwrap();
    let mut claims = it.worker.claim(&due).await.unwrap();
    // How quick it is is known after the first.
    it.worker.work(claims.remove(0)).await.unwrap();
    let sorted = it.worker.work_together(claims).await;
    for claim in sorted.left {
        it.worker.work(claim).await.unwrap();
    }

    let items = it.items(operation).await;
    assert!(items.iter().all(|(state, _, _)| state == "succeeded"), "{items:?}");
    let (names, transactions): (Vec<String>, i64) = sqlx::query_as(
        "select array_agg(t.name order by i.idx), count(distinct t.xmin::text)
         from tenantry.operation_items i join tenantry.tenants t on t.id = i.tenant_id
         where i.operation_id = $1",
    )
    .bind(operation.get())
    .fetch_one(it.pool())
    .await
    .unwrap();
    assert_eq!(names, (0..20).map(|n| format!("N{n}")).collect::<Vec<_>>());
    assert!(transactions <= 8, "{transactions} transactions for 20 tenants");
}
