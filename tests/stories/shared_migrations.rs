//! The application's own tables come by shared migrations, before the tenants' that need them.

use std::{fs, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::{Environment, Ran, System, eventually, tenants};

const PATIENCE: Duration = Duration::from_secs(90);

const ACCOUNT: &str = "create table account (id bigint primary key);\n";

const PLANS: &str = "create table plans (code text primary key);
insert into plans values ('free'), ('gold');
";

const HAS_PLAN: &str = "-- needs shared: 0001
alter table account add plan text not null default 'free' references public.plans (code);
";

const BEHIND: &str = "select count(*) from tenantry.tenant_migrations where version = '0001'";

const MIGRATES: &str = "select count(*) from tenantry.operations where kind = 'migrate'";

/// Tenants of the release before, and the folders and settings of the next one.
struct Release {
    system: System,
    next: Environment,
    dir: TempDir,
}

impl Release {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let folder = dir.path().join(name);
            fs::create_dir(&folder).unwrap();
            folder.to_str().unwrap().to_owned()
        };
        let (tenant, shared) = (folder("tenant"), folder("shared"));
        fs::write(dir.path().join("tenant/0001_account.sql"), ACCOUNT).unwrap();
        let settings = [("TENANT_MIGRATIONS_DIR", tenant.as_str())];
        let mut system = System::configured(1, &settings).await;
        system.provision(tenants(3)).await;
        system.workers[0].terminate(PATIENCE).await;
        let mut next = system.env.clone();
        next.insert("SHARED_MIGRATIONS_DIR".into(), shared);
        next.insert("TENANTRY__TENANTS__SHARED_TABLES".into(), "public.plans".into());
        next.insert("TENANTRY_URL".into(), system.api.url.clone());
        next.insert("TENANTRY_TOKEN".into(), system.token.clone());
        let release = Self { system, next, dir };
        release.write("shared/0001_plans.sql", PLANS);
        release.write("tenant/0002_plan.sql", HAS_PLAN);
        release
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.dir.path().join(file), text).unwrap();
    }

    async fn run(&self, command: &str) -> Ran {
        self.system.cli_with(&command.split(' ').collect::<Vec<_>>(), &self.next).await
    }

    async fn succeeds(&self, command: &str) -> Ran {
        let ran = self.run(command).await;
        assert_eq!(ran.code, Some(0), "{command}: {ran:?}");
        ran
    }

    /// The settings in which a worker of the next release differs.
    fn worker_settings(&self) -> [(&'static str, &str); 1] {
        let name = "TENANTRY__TENANTS__SHARED_TABLES";
        [(name, self.next[name].as_str())]
    }

    async fn is_untouched(&self) {
        assert_eq!(self.system.count(BEHIND).await, 3);
        assert_eq!(self.system.count(MIGRATES).await, 0);
    }
}

#[tokio::test]
async fn tenants_that_need_a_shared_migration_are_touched_once_it_is_applied() {
    let release = Release::start().await;
    let system = &release.system;
    release.succeeds("migrate public up").await;
    let mut worker = system.spawn_worker("early", &release.worker_settings());
    eventually("the worker to wait", PATIENCE, async || {
        worker.log().contains("need shared migration 0001").then_some(())
    })
    .await;

    let set: String = sqlx::query_scalar(
        "select hash from tenantry.migration_sets where '0001' = any(needs_shared)",
    )
    .fetch_one(&system.db.pool)
    .await
    .unwrap();
    let body = json!({ "kind": "migrate", "tenants": [1, 2, 3],
        "params": { "direction": "up", "set": set } });
    let refused = system.client.post("/api/v1/operations", &body, &[]).await.json(409);
    let mut without = release.next.clone();
    without.remove("SHARED_MIGRATIONS_DIR");
    let alone = system.cli_with(&["migrate", "tenant", "up", "--all", "--json"], &without).await;

    assert_eq!(refused["code"], "needs_shared", "{refused}");
    assert!(
        refused["detail"].as_str().unwrap().contains("tenantry migrate shared up"),
        "{refused}"
    );
    assert_eq!(alone.code, Some(1), "{alone:?}");
    assert!(alone.err.contains("\"code\":\"needs_shared\""), "{alone:?}");
    release.is_untouched().await;

    let dry = release.run("migrate tenant up --all --dry-run").await;
    assert_eq!(dry.code, Some(1), "{dry:?}");
    assert!(dry.err.contains("schema public: would apply 0001 first"), "{dry:?}");
    release.is_untouched().await;

    let up = release.succeeds("migrate tenant up --all").await;
    assert!(up.err.contains("schema public: applied 0001"), "{up:?}");
    assert_eq!(system.count(BEHIND).await, 0);
    // The worker that waited goes on, and makes tenants of the new set.
    system.provision(tenants(5)[3..].to_vec()).await;
    assert_eq!(system.count(BEHIND).await, 0);
    let rights = "select count(*) from tenantry.tenants
        where has_table_privilege(role_name, 'public.plans', 'select')
            and not has_table_privilege(role_name, 'public.plans', 'insert, update, delete')
            and not has_schema_privilege(role_name, 'public', 'create')";
    assert_eq!(system.count(rights).await, 5);

    let down = release.run("migrate shared down --to none --yes --json").await;
    assert_eq!(down.code, Some(1), "{down:?}");
    assert!(down.err.contains("shared_migration_needed"), "{down:?}");
    assert_eq!(release.succeeds("migrate shared status --json").await.json()["current"], true);
    worker.terminate(PATIENCE).await;
}

#[tokio::test]
async fn a_shared_migration_that_fails_stops_before_the_first_tenant() {
    let mut release = Release::start().await;
    release.write("shared/0002_broken.sql", "select 1 / 0;\n");

    let up = release.run("migrate tenant up --all --json").await;

    assert_eq!(up.code, Some(1), "{up:?}");
    let told: Value = serde_json::from_str(up.err.lines().last().unwrap()).unwrap();
    assert_eq!(told["code"], "shared_migration_failed", "{up:?}");
    assert!(told["detail"].as_str().unwrap().contains("0002_broken.sql"), "{up:?}");
    release.is_untouched().await;

    release.write("shared/0002_broken.sql", "select 1;\n");
    release.succeeds("migrate shared up").await;
    let settings = release.worker_settings().map(|(name, value)| (name, value.to_owned()));
    let settings: Vec<_> = settings.iter().map(|(n, v)| (*n, v.as_str())).collect();
    release.system.add_worker(&settings).await;
    release.write("shared/0003_broken.sql", "select 1 / 0;\n");
    let plan = eventually("the worker to be known", PATIENCE, async || {
        let plan = release.run("rollout plan --all").await;
        (plan.code == Some(0)).then_some(plan)
    })
    .await;
    let broken = release.run("rollout start --all --yes").await;

    assert!(plan.err.contains("would apply 0003 first"), "{plan:?}");
    assert_eq!(broken.code, Some(1), "{broken:?}");
    release.is_untouched().await;

    release.write("shared/0003_broken.sql", "alter table plans add price int;\n");
    let start = release.succeeds("rollout start --all --yes").await;
    assert!(start.err.contains("schema public: applied 0003"), "{start:?}");
    release.succeeds("rollout watch last").await;
    assert_eq!(release.system.count(BEHIND).await, 0);
}
