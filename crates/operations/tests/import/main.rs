//! Kinds `import` and `release`: a schema that is there becomes a tenant's, and is given back as it was found.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the failure")]

#[path = "../bench/mod.rs"]
mod bench;
mod undone;

use std::{fs, sync::Arc};

use domain::{ItemId, Kind, OperationId, TenantId};
use operations::{Executor, Parts, carry_out};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::bench::{WORKER, admit, executor, parts_from, register, submit, take, tenant_state};

/// The tenant migrations of these tests.
const FILES: [(&str, &str); 2] = [
    (
        "0001_ticket.sql",
        "create table ticket (id bigint generated always as identity primary key, title text not null);
         create function titled(t text) returns bigint language sql as 'select 1::bigint';",
    ),
    ("0002_due.sql", "alter table ticket add due date; create view open as select id from ticket;"),
];

struct Fixture {
    db: harness::Db,
    parts: Arc<Parts>,
    worker: Executor,
    _folder: TempDir,
}

impl Fixture {
    async fn start() -> Self {
        let db = harness::fresh_db().await;
        let folder = tempfile::tempdir().unwrap();
        for (name, sql) in FILES {
            fs::write(folder.path().join(name), sql).unwrap();
        }
        let parts = parts_from(&db.pool, folder.path()).await;
        let worker = executor(&db.pool, &parts, WORKER);
        register(&db.pool, WORKER).await;
        Self { db, parts, worker, _folder: folder }
    }

    fn pool(&self) -> &PgPool {
        &self.db.pool
    }

    async fn execute(&self, sql: impl Into<String>) {
        sqlx::raw_sql(AssertSqlSafe(sql.into())).execute(self.pool()).await.unwrap();
    }

    async fn ask(&self, sql: impl Into<String>) -> Vec<String> {
        sqlx::query_scalar(AssertSqlSafe(sql.into())).fetch_all(self.pool()).await.unwrap()
    }

    /// A schema as another tool has made it, of the first `files` migrations, of a role of its own.
    async fn schema(&self, name: &str, files: usize) {
        self.execute(format!(
            "do $$ begin create role {name}_app;
             -- of another test: roles are the whole server's
             exception when duplicate_object or unique_violation then null; end $$;
             create schema {name} authorization {name}_app;
             comment on schema {name} is 'it''s {name}';"
        ))
        .await;
        let sql: Vec<&str> = FILES.iter().take(files).map(|(_, sql)| *sql).collect();
        self.execute(format!(
            "begin; set local role {name}_app; set local search_path = {name}; {};
             create table django_migrations (id int); commit",
            sql.join(";")
        ))
        .await;
        self.execute(format!("insert into {name}.ticket (title) values ('theirs')")).await;
    }

    /// Imports the schema, and says what became of its item.
    async fn import(&self, name: &str, more: Value) -> (TenantId, String, String) {
        let (item, tenant) = submit(self.pool(), name).await;
        let mut input = json!({ "tenant_name": name, "schema_name": name });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        sqlx::query("update tenantry.operation_items set input = $2 where id = $1")
            .bind(item.get())
            .bind(input)
            .execute(self.pool())
            .await
            .unwrap();
        self.execute(format!(
            "update tenantry.operations set kind = 'import' where id =
                 (select operation_id from tenantry.operation_items where id = {item})"
        ))
        .await;
        self.work(item).await;
        let (state, error) = self.item(item).await;
        (tenant, state, error)
    }

    async fn work(&self, item: ItemId) {
        let claim = take(&self.worker, item).await.unwrap();
        self.worker.work(claim).await.unwrap();
    }

    async fn carry_out(&self, operation: OperationId) {
        carry_out(&self.worker, operation, 1, &CancellationToken::new()).await.unwrap();
    }

    async fn item(&self, item: ItemId) -> (String, String) {
        sqlx::query_as(
            "select state, concat_ws(': ', error_code, error_message)
             from tenantry.operation_items where id = $1",
        )
        .bind(item.get())
        .fetch_one(self.pool())
        .await
        .unwrap()
    }

    /// Asks for something of the tenant and carries it out; the code of its item.
    async fn act(&self, kind: Kind, tenant: TenantId, params: Value) -> Vec<String> {
        let operation = admit(self.pool(), kind, &params, &[tenant], None).await;
        self.carry_out(operation).await;
        self.ask(format!(
            "select concat_ws(': ', state, error_code, error_message) from tenantry.operation_items
             where operation_id = '{operation}'"
        ))
        .await
    }

    /// All that `pg_dump` would say of who owns a schema and what is in it, and of their comments and rights.
    async fn picture(&self, name: &str) -> Vec<String> {
        self.ask(format!(
            "select format('schema %s %s %s', n.nspowner::regrole, obj_description(n.oid, 'pg_namespace'),
                 {rights}) from pg_namespace n, lateral (select coalesce(n.nspacl, acldefault('n', n.nspowner)) as acl) x
             where n.nspname = '{name}'
             union all
             select format('%s %s %s', c.oid::regclass, c.relowner::regrole, {rights}) from pg_class c,
                 lateral (select coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's'::\"char\" else 'r' end,
                                                               c.relowner)) as acl) x
             where c.relnamespace = '{name}'::regnamespace and c.relkind in ('r', 'v', 'S')
             union all
             select format('%s %s %s', p.oid::regprocedure, p.proowner::regrole, {rights}) from pg_proc p,
                 lateral (select coalesce(p.proacl, acldefault('f', p.proowner)) as acl) x
             where p.pronamespace = '{name}'::regnamespace
             union all
             select format('later %s %s %s', a.defaclrole::regrole, a.defaclobjtype, {rights})
             from pg_default_acl a, lateral (select a.defaclacl as acl) x
             where a.defaclnamespace = '{name}'::regnamespace
             union all select format('%s rows', count(*)) from {name}.ticket
             order by 1",
            rights = "(select string_agg(format('%s=%s%s/%s', e.grantee, e.privilege_type, e.is_grantable, e.grantor),
                 ' ' order by e.grantee, e.privilege_type, e.grantor) from aclexplode(x.acl) e)",
        ))
        .await
    }
}

#[tokio::test]
async fn a_schema_becomes_a_tenants_and_is_given_back_as_it_was_found() {
    let it = Fixture::start().await;
    it.schema("acme", 1).await;
    let before = it.picture("acme").await;

    let (tenant, state, error) = it.import("acme", json!({})).await;

    assert_eq!((state.as_str(), error.as_str()), ("succeeded", ""));
    assert_eq!(tenant_state(it.pool(), tenant).await, "active");
    let version =
        format!("select version from tenantry.tenant_migrations where tenant_id = {tenant}");
    assert_eq!(it.ask(version.clone()).await, ["0001"], "the newest version that makes it");
    let mark = "select obj_description('acme'::regnamespace, 'pg_namespace')";
    assert!(it.ask(mark).await[0].ends_with(":imported"));
    let may = "select concat(has_schema_privilege(role_name, 'acme', 'usage'),
            has_table_privilege(role_name, 'acme.ticket', 'insert'),
            has_function_privilege('public', 'acme.titled(text)', 'execute'))
        from tenantry.tenants where schema_name = 'acme'";
    assert_eq!(it.ask(may).await, ["ttf"]);

    let moved = it
        .act(Kind::Migrate, tenant, json!({ "direction": "up", "set": it.parts.migrations.hash() }))
        .await;

    assert_eq!(moved, ["succeeded"]);
    assert_eq!(it.ask(version).await, ["0002"]);
    let owner =
        "select pg_get_userbyid(relowner)::text from pg_class where oid = 'acme.open'::regclass";
    assert_eq!(it.ask(owner).await, ["acme_app"], "migrations run as the schema's owner");
    let reads =
        "select has_table_privilege(role_name, 'acme.open', 'select')::text from tenantry.tenants
        where schema_name = 'acme'";
    assert_eq!(it.ask(reads).await, ["true"]);
    it.execute("drop view acme.open; alter table acme.ticket drop due").await;

    let released = it.act(Kind::Release, tenant, json!({})).await;

    assert_eq!(released, ["succeeded"]);
    assert_eq!(it.picture("acme").await, before);
    assert_eq!(tenant_state(it.pool(), tenant).await, "deleted");
    let (_, state, error) = it.import("acme", json!({ "baseline": "1" })).await;
    assert_eq!((state.as_str(), error.as_str()), ("succeeded", ""), "its names are free");
}

#[tokio::test]
async fn rights_of_others_are_given_back_too() {
    let it = Fixture::start().await;
    it.schema("beta", 2).await;
    it.execute(
        "grant usage on schema beta to pg_monitor;
         grant select on beta.ticket to pg_monitor with grant option;
         grant update (title) on beta.ticket to pg_monitor;
         alter default privileges for role beta_app in schema beta grant select on tables to pg_monitor",
    )
    .await;
    let before = it.picture("beta").await;

    let (_, state, refused) = it.import("beta", json!({})).await;
    assert_eq!(state, "failed");
    assert!(refused.contains("import_differs") && refused.contains("pg_monitor"), "{refused}");
    assert_eq!(it.picture("beta").await, before, "a refusal changes nothing");

    let allowed = json!({ "baseline": "0002", "allow_drift": ["all"] });
    let (tenant, state, error) = it.import("beta", allowed).await;
    assert_eq!((state.as_str(), error.as_str()), ("succeeded", ""));
    // as a repair does
    it.execute(
        "revoke all on beta.ticket from pg_monitor; revoke all on schema beta from pg_monitor",
    )
    .await;
    assert_eq!(it.act(Kind::Release, tenant, json!({})).await, ["succeeded"]);

    assert_eq!(it.picture("beta").await, before);
}

#[tokio::test]
async fn what_may_not_be_imported_is_named_and_nothing_is_changed() {
    let it = Fixture::start().await;
    it.schema("gamma", 2).await;
    it.execute("create table gamma.extra (id int); alter table gamma.extra owner to gamma_app")
        .await;
    let before = it.picture("gamma").await;

    for (name, more, told) in [
        (
            "nowhere",
            json!({}),
            "import_refused: schema nowhere cannot be imported: there is no such schema",
        ),
        (
            "gamma",
            json!({}),
            "import_differs: schema gamma is not what the tenant migrations make at any version; \
            version 0002 is the closest: table extra is in no migration",
        ),
        (
            "gamma",
            json!({ "baseline": "0007" }),
            "import_refused: the worker's tenant migrations have no version 0007",
        ),
        ("gamma", json!({ "baseline": "0001", "allow_drift": ["table extra"] }), "import_differs"),
    ] {
        let (tenant, state, refused) = it.import(name, more).await;
        assert_eq!(state, "failed");
        assert!(refused.starts_with(told), "{refused}");
        assert_eq!(tenant_state(it.pool(), tenant).await, "released");
    }
    assert_eq!(it.picture("gamma").await, before);

    let allowed = json!({ "baseline": "0002", "allow_drift": ["table extra"] });
    let (_, state, error) = it.import("gamma", allowed).await;
    assert_eq!((state.as_str(), error.as_str()), ("succeeded", ""));
    it.execute("update tenantry.tenants set schema_name = 'elsewhere', domain = 'else.example' where schema_name = 'gamma'")
        .await;
    let (_, _, refused) = it.import("gamma", json!({})).await;
    assert!(refused.contains("it bears the mark of a tenant"), "{refused}");
}

#[tokio::test]
async fn an_inactive_tenant_arrives_suspended_with_the_key_it_had() {
    let it = Fixture::start().await;
    it.schema("delta", 2).await;
    let hash = "ab".repeat(32);

    let more = json!({ "suspended": true, "api_key_sha256": hash, "api_key_last4": "wxyz" });
    let (tenant, state, error) = it.import("delta", more).await;

    assert_eq!((state.as_str(), error.as_str()), ("succeeded", ""));
    assert_eq!(tenant_state(it.pool(), tenant).await, "suspended");
    let keys = format!(
        "select concat(encode(hash, 'hex'), last4) from tenantry.api_keys where tenant_id = {tenant}"
    );
    assert_eq!(it.ask(keys).await, [format!("{hash}wxyz")]);
    let may = "select concat(r.rolcanlogin, has_schema_privilege(role_name, 'delta', 'usage'))
        from tenantry.tenants t join pg_roles r on r.rolname = t.role_name where schema_name = 'delta'";
    assert_eq!(it.ask(may).await, ["ff"]);
    assert_eq!(it.act(Kind::Resume, tenant, json!({})).await, ["succeeded"]);
    assert_eq!(it.ask(may).await, ["tt"]);
}

#[tokio::test]
async fn a_deletion_gives_the_schema_back_and_drops_it_only_when_that_is_asked_for() {
    let it = Fixture::start().await;
    for name in ["kept", "gone"] {
        it.schema(name, 2).await;
    }
    let before = it.picture("kept").await;
    let (kept, ..) = it.import("kept", json!({})).await;
    let (gone, ..) = it.import("gone", json!({})).await;
    let days = json!({ "grace_days": 0, "name_hold_days": 0 });

    it.act(Kind::Delete, kept, days.clone()).await;
    let kept_purged = it.act(Kind::Purge, kept, json!({ "large": false })).await;
    let mut dropping = days;
    dropping["drop_imported"] = json!(true);
    it.act(Kind::Delete, gone, dropping).await;
    let gone_purged = it.act(Kind::Purge, gone, json!({ "large": true })).await;

    assert_eq!(
        (kept_purged, gone_purged),
        (vec!["succeeded".to_owned()], vec!["succeeded".to_owned()])
    );
    assert_eq!(it.picture("kept").await, before);
    assert_eq!(
        it.ask("select nspname::text from pg_namespace where nspname = 'gone'").await,
        [""; 0]
    );
    for tenant in [kept, gone] {
        assert_eq!(tenant_state(it.pool(), tenant).await, "deleted");
    }
    assert_eq!(it.ask("select tenant_id::text from tenantry.imports").await, [""; 0]);
}

#[tokio::test]
async fn what_tenantry_made_cannot_be_released() {
    let it = Fixture::start().await;
    let (item, tenant) = submit(it.pool(), "made").await;
    it.work(item).await;

    let refused = it.act(Kind::Release, tenant, json!({})).await;

    assert!(refused[0].starts_with("failed: not_imported"), "{refused:?}");
    assert_eq!(tenant_state(it.pool(), tenant).await, "active");
}
