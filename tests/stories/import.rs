//! Schemas that another tool made move in: one, a file of them, or the registry of the original product; and out again.

use std::{fs, time::Duration};

use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::support::{System, eventually, installation};

const LONG: Duration = Duration::from_secs(120);

const FIRST: &str = "create table invoice (id bigint generated always as identity primary key, total numeric not null);";
const SECOND: &str = "alter table invoice add paid_at timestamptz;
    create function sum_of() returns numeric language sql as 'select 1.0';";

/// A system whose tenant migrations are two files, in a database with `count` schemas that have them already,
/// made by role `legacy_app`.
struct Moving {
    system: System,
    dir: tempfile::TempDir,
    app: String,
}

impl Moving {
    async fn start(count: usize) -> Self {
        Self::start_with(count, &[]).await
    }

    /// With further files, which the schemas do not have.
    async fn start_with(count: usize, further: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let files = [("0001_invoice.sql", FIRST), ("0002_paid.sql", SECOND)];
        for (name, sql) in files.iter().chain(further) {
            fs::write(dir.path().join(name), sql).unwrap();
        }
        let settings = [("TENANT_MIGRATIONS_DIR", dir.path().to_str().unwrap())];
        let system = System::configured(1, &settings).await;
        let installation = installation(&system.db.pool).await;
        // roles belong to the whole cluster
        let app = format!("legacy_{installation}");
        let it = Self { system, dir, app };
        it.execute(&format!("create role {} noinherit", it.app)).await;
        for n in 0..count {
            it.execute(&format!(
                "create schema legacy_{n} authorization {app};
                 begin; set local role {app}; set local search_path = legacy_{n}; {FIRST} {SECOND}
                 create table django_migrations (id int, app text);
                 insert into invoice (total) values ({n}); commit",
                app = it.app
            ))
            .await;
        }
        it
    }

    async fn execute(&self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&self.system.db.pool).await.unwrap();
    }

    async fn ask(&self, sql: &str) -> Vec<String> {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
            .fetch_all(&self.system.db.pool)
            .await
            .unwrap()
    }

    /// Who owns the schema, its comment and rights, and those of its table and function.
    async fn rights(&self, schema: &str) -> Vec<String> {
        self.ask(&format!(
            "select concat_ws(' ', n.nspowner::regrole, obj_description(n.oid, 'pg_namespace'),
                 array(select x::text from aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) x order by 1),
                 array(select x::text from aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) x order by 1),
                 array(select x::text from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x order by 1),
                 (select count(*) from pg_default_acl a where a.defaclnamespace = n.oid))
             from pg_namespace n join pg_class c on c.relnamespace = n.oid and c.relname = 'invoice'
             join pg_proc p on p.pronamespace = n.oid where n.nspname = '{schema}'"
        ))
        .await
    }

    async fn is_sound(&self) {
        let examined = self.system.examine().await;
        assert!(examined.out.contains("nothing is wrong"), "{}", examined.out);
    }

    async fn verify(&self, key: &str) -> (u16, String) {
        let answer =
            self.system.client.post("/api/v1/keys/verify", &json!({ "api_key": key }), &[]).await;
        (answer.status, answer.text)
    }
}

#[tokio::test]
async fn one_schema_moves_in_and_out() {
    let it = Moving::start(1).await;
    let before = it.rights("legacy_0").await;
    let import = ["import", "--schema", "legacy_0", "--name", "Acme", "--domain", "acme.example"];

    let dry = it.system.cli_at_api(&[&import[..], &["--dry-run"]].concat()).await;
    assert!(dry.code == Some(0), "{} {}", dry.out, dry.err);
    assert!(dry.out.contains("0002") && dry.out.contains("would be imported"), "{}", dry.out);
    assert_eq!(it.rights("legacy_0").await, before);

    let refused = it.system.cli_at_api(&[&import[..], &["--baseline", "0001"]].concat()).await;
    assert!(refused.code == Some(1), "{} {}", refused.out, refused.err);
    assert!(
        refused.out.contains("column invoice.paid_at is in no migration"),
        "{} {}",
        refused.out,
        refused.err
    );
    assert_eq!(it.rights("legacy_0").await, before);

    let imported = it.system.cli_at_api(&import).await;
    assert!(imported.code == Some(0), "{} {}", imported.out, imported.err);
    it.is_sound().await;
    let drift = it.system.cli(&["drift", "--all"]).await;
    assert!(drift.code == Some(0) && drift.out.contains("no drift"), "{} {}", drift.out, drift.err);
    fs::write(it.dir.path().join("0003_note.sql"), "create table note (id int);").unwrap();
    let up = it.system.cli(&["migrate", "tenant", "up", "--all"]).await;
    assert!(up.code == Some(0), "{} {}", up.out, up.err);
    let owner = it.ask("select tableowner::text from pg_tables where tablename = 'note'").await;
    assert_eq!(owner, std::slice::from_ref(&it.app));

    let released = it.system.cli_at_api(&["release", "acme.example", "--confirm", "Acme"]).await;
    assert!(released.code == Some(0), "{} {}", released.out, released.err);
    it.execute("drop table legacy_0.note").await;
    assert_eq!(it.rights("legacy_0").await, before);
    assert_eq!(it.ask("select total::text from legacy_0.invoice").await, ["0"]);
}

#[tokio::test]
async fn twenty_schemas_move_in_by_one_file() {
    let it = Moving::start(20).await;
    let file = it.dir.path().join("tenants.csv");
    let rows: String =
        (0..20).map(|n| format!("legacy_{n},Legacy {n},l{n}.example,0002\n")).collect();
    fs::write(
        &file,
        format!("schema_name,tenant_name,domain,baseline\n{rows}nowhere,No,no.example,\n"),
    )
    .unwrap();

    let imported = it.system.cli_at_api(&["import", "--file", file.to_str().unwrap()]).await;

    assert_eq!(imported.code, Some(1), "{} {}", imported.out, imported.err);
    assert!(imported.out.contains("there is no such schema"), "{} {}", imported.out, imported.err);
    let active = "select count(*)::text from tenantry.tenants where state = 'active'";
    assert_eq!(it.ask(active).await, ["20"]);
    let keys = "select count(*)::text from tenantry.api_keys where sealed is not null";
    assert_eq!(it.ask(keys).await, ["20"]);
    it.is_sound().await;
}

#[tokio::test]
async fn a_dry_run_says_which_names_are_free_and_writes_nothing() {
    let it = Moving::start(1).await;
    let one = |name: &str, domain: &str| json!({ "schema_name": name, "tenant_name": "Acme", "domain": domain });
    let both =
        json!({ "tenants": [one("legacy_0", "acme.example"), one("legacy_0", "not a domain")] });

    let told = it.system.client.post("/api/v1/tenants/import?dry_run=true", &both, &[]).await;

    assert_eq!(told.status, 200, "{}", told.text);
    let told: Value = serde_json::from_str(&told.text).unwrap();
    assert_eq!((&told["tenants"], &told["bad"]), (&json!(2), &json!(1)), "{told}");
    assert_eq!(told["rows"][0]["error"], Value::Null, "{told}");
    assert_eq!(told["rows"][1]["error"]["code"], "invalid_domain", "{told}");
    let written = "select ((select count(*) from tenantry.tenants) + (select count(*) from tenantry.operations))::text";
    assert_eq!(it.ask(written).await, ["0"]);
}

#[tokio::test]
async fn schemas_move_in_at_their_place_in_a_set_that_leaves_its_transaction() {
    let index =
        "-- no-transaction\ncreate index concurrently invoice_paid_at on invoice (paid_at);";
    let it = Moving::start_with(2, &[("0003_index.sql", index)]).await;
    it.execute("create index invoice_paid_at on legacy_1.invoice (paid_at)").await;
    let before = it.rights("legacy_0").await;
    let moved = |n: usize| json!({ "schema_name": format!("legacy_{n}"), "tenant_name": format!("L{n}"), "domain": format!("l{n}.example") });

    let body = json!({ "tenants": [moved(0), moved(1)] });
    let import =
        it.system.client.post("/api/v1/tenants/import", &body, &[("prefer", "wait=30")]).await;

    assert_eq!(import.status, 200, "{}", import.text);
    let versions = "select version from tenantry.tenant_migrations order by tenant_id";
    assert_eq!(it.ask(versions).await, ["0002", "0003"], "{}", import.text);
    let up = it.system.cli(&["migrate", "tenant", "up", "--all"]).await;
    assert!(up.code == Some(0), "{} {}", up.out, up.err);
    assert_eq!(it.ask(versions).await, ["0003", "0003"]);
    it.is_sound().await;
    let drift = it.system.cli(&["drift", "--all"]).await;
    assert!(drift.code == Some(0) && drift.out.contains("no drift"), "{} {}", drift.out, drift.err);
    let released = it.system.cli_at_api(&["release", "l0.example", "--confirm", "L0"]).await;
    assert!(released.code == Some(0), "{} {}", released.out, released.err);
    assert_eq!(it.rights("legacy_0").await, before);
}

#[tokio::test]
async fn a_registry_of_the_original_moves_in_with_its_keys_and_inactive_tenants() {
    let it = Moving::start(2).await;
    it.execute(
        "create table public.tenant_registry (tenant_name text, domain text, schema_name text, api_key text,
             is_active boolean, created_at timestamptz);
         insert into public.tenant_registry values
             ('Zero', 'zero.example', 'legacy_0', 'tk_7f3e0a_old', true, '2025-01-02'),
             ('One', 'one.example', 'legacy_1', 'tk_91bb2c_old', false, '2025-01-03')",
    )
    .await;

    let imported =
        it.system.cli_at_api(&["import", "--from-registry", "public.tenant_registry"]).await;

    assert!(imported.code == Some(0), "{} {}", imported.out, imported.err);
    let (status, told) = it.verify("tk_7f3e0a_old").await;
    assert!(status == 200 && told.contains("zero.example"), "{told}");
    let (status, told) = it.verify("tk_91bb2c_old").await;
    assert!(status == 403 && told.contains("tenant_suspended"), "{told}");
    assert_eq!(it.verify("tk_7f3e0a_old2").await.0, 403);
    let kept =
        "select string_agg(o.input::text || a.detail::text, '') from tenantry.operation_items o,
        tenantry.audit_log a";
    assert!(!it.ask(kept).await[0].contains("tk_7f3e0a"), "no key is kept in the clear");
    let resumed = it.system.cli_at_api(&["tenant", "resume", "one.example"]).await;
    assert!(resumed.code == Some(0), "{} {}", resumed.out, resumed.err);
    assert_eq!(it.verify("tk_91bb2c_old").await.0, 200);
    it.is_sound().await;
}

#[tokio::test]
async fn a_deletion_leaves_the_schema_unless_it_is_to_be_dropped() {
    let it = Moving::start(2).await;
    let before = it.rights("legacy_0").await;
    for n in ["0", "1"] {
        let schema = format!("legacy_{n}");
        let domain = format!("l{n}.example");
        let import = ["import", "--schema", &schema, "--name", "L", "--domain", &domain];
        let imported = it.system.cli_at_api(&import).await;
        assert!(imported.code == Some(0), "{} {}", imported.out, imported.err);
    }
    let delete = |domain| ["tenant", "delete", domain, "--confirm", "L", "--grace", "0"];

    let kept = it.system.cli_at_api(&delete("l0.example")).await;
    let gone = [&delete("l1.example")[..], &["--drop-imported"]].concat();
    let gone = it.system.cli_at_api(&gone).await;

    assert_eq!((kept.code, gone.code), (Some(0), Some(0)), "{} {}", kept.err, gone.err);
    eventually("both to be deleted", LONG, async || {
        let open = "select count(*)::text from tenantry.tenants where state <> 'deleted'";
        (it.ask(open).await == ["0"]).then_some(())
    })
    .await;
    assert_eq!(it.rights("legacy_0").await, before);
    assert_eq!(
        it.ask("select nspname::text from pg_namespace where nspname like 'legacy%'").await,
        ["legacy_0"]
    );
}
