//! Every command leaves a row of the audit log, or changes nothing.

use std::{collections::BTreeSet, fs};

use serde_json::json;
use sqlx::AssertSqlSafe;

use super::support::{Environment, Ran, System, installation, tenants};

/// Commands that look, print, or run a process that has its own rows.
const LOOKS: &str = "api audit-list batch-list batch-results batch-show batch-watch completions \
    config-check drift findings health-tenants item-show man migrate-lint migrate-public-status migrate-shared-status \
    migrate-tenant-check migrate-tenant-init \
    migrate-tenant-status migrate-try operation-items operation-list operation-show operation-watch queue-show \
    rollout-list rollout-plan rollout-show rollout-watch \
    tenant-check tenant-erase-report tenant-history tenant-keys-list tenant-list tenant-show tenant-status token-list worker";

/// Commands whose rows the stories `demo_and_dev` and `copied_database` look at: they need a server of their own,
/// or a copied database. A demo is a `dev` that deletes its server at the end.
const ELSEWHERE: &str = "demo dev restore-adopt";

/// What a person would not need a worker to be idle for.
const PENDING: &str = "
    insert into tenantry.tenants (name, domain, schema_name, role_name)
    select 'x', 'x.example', 'x', 'tn_' || id || '_999' from tenantry.installation";

const OF_AUGUST: &str =
    "insert into tenantry.audit_log (actor, action, at) values ('a', 'x', '2026-08-07')";

const OTHER_MASTER_KEY: &str = "1f1d3a5c7e9b2d4f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d8";

struct Walk {
    system: System,
    /// The names of all commands, with dashes.
    commands: BTreeSet<String>,
    acted: BTreeSet<String>,
}

impl Walk {
    async fn start() -> Self {
        let system = System::start(1).await;
        let pages = tempfile::tempdir().unwrap();
        let printed = system.cli(&["man", pages.path().to_str().unwrap()]).await;
        assert_eq!(printed.code, Some(0), "{printed:?}");
        let names = fs::read_dir(pages.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let names = names.map(|name| name.into_string().unwrap());
        let all: BTreeSet<String> = names
            .filter_map(|name| Some(name.strip_prefix("tenantry-")?.strip_suffix(".1")?.to_owned()))
            .collect();
        let has_more = |name: &String| all.iter().any(|it| it.starts_with(&format!("{name}-")));
        let commands = all.iter().filter(|name| !has_more(name)).cloned().collect();
        Self { system, commands, acted: BTreeSet::new() }
    }

    /// Runs a command, which must leave a row of this action by its caller.
    async fn act(&mut self, command: &str, action: &str) -> Ran {
        let ran = self.act_with(command, action, &[]).await;
        assert_eq!(ran.code, Some(0), "{command}: {ran:?}");
        ran
    }

    async fn act_with(&mut self, command: &str, action: &str, env: &[(&str, &str)]) -> Ran {
        let args: Vec<&str> = command.split(' ').collect();
        let names = (1..=args.len()).rev().map(|words| args[..words].join("-"));
        let name = names.into_iter().find(|name| self.commands.contains(name));
        self.acted.insert(name.unwrap_or_else(|| panic!("`{command}` is not a command")));
        let newest = "select coalesce(max(id), 0) from tenantry.audit_log";
        let before = self.system.count(newest).await;

        let mut all: Environment = self.system.env.clone();
        all.insert("TENANTRY_URL".to_owned(), self.system.api.url.clone());
        all.insert("TENANTRY_TOKEN".to_owned(), self.system.token.clone());
        all.extend(env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let ran = self.system.cli_with(&args, &all).await;

        let rows: i64 = sqlx::query_scalar(
            "select count(*) from tenantry.audit_log
             where id > $1 and action = $2 and (actor like 'cli:%' or actor like 'operator:story-%')",
        )
        .bind(before)
        .bind(action)
        .fetch_one(&self.system.db.pool)
        .await
        .unwrap();
        assert!(rows > 0, "{command}: {ran:?}");
        ran
    }

    /// Writes a file of tenants, in the directory in which commands run.
    fn file(&self, numbers: std::ops::Range<usize>) -> String {
        let file = self.system.file("tenants.json");
        let listed = json!({ "tenants": &tenants(numbers.end)[numbers] });
        fs::write(&file, listed.to_string()).unwrap();
        format!("submit {}", file.display())
    }

    async fn execute(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&self.system.db.pool).await.unwrap();
    }

    async fn finish(&self, submitted: &Ran) {
        self.system.finished(submitted.out.trim()).await;
    }

    async fn tenants_and_keys(&mut self) {
        let submit = self.file(0..2);
        let submitted = self.act(&submit, "operation.submitted").await;
        self.finish(&submitted).await;
        self.act("keys reveal last", "keys.revealed").await;
        self.act("keys acknowledge last", "keys.acknowledged").await;
        self.act("tenant keys rotate 1", "keys.rotated").await;
        let first = "select min(id) from tenantry.api_keys where tenant_id = 1";
        let revoke = format!("tenant keys revoke 1 {}", self.system.count(first).await);
        self.act(&revoke, "key.revoked").await;
        self.act("tenant keys issue 1", "key.issued").await;
        self.act("tenant keys reveal 1", "keys.revealed").await;
        self.act("tenant keys acknowledge 1", "keys.acknowledged").await;
        self.act("tenant suspend 1 --reason unpaid", "operation.submitted").await;
        self.act("tenant resume 1", "operation.submitted").await;
        self.act("tenant update 1 --name One", "operation.submitted").await;
        self.act("tenant hold 1 --reason court", "tenant.held").await;
        self.act("tenant release 1", "tenant.hold_released").await;
        self.act("tenant protect 1", "tenant.protected").await;
        self.act("tenant unprotect 1", "tenant.unprotected").await;
        self.execute("create schema legacy").await;
        let import = "import --schema legacy --name Legacy --domain legacy.example --baseline none";
        self.act(import, "operation.submitted").await;
        self.act("release legacy.example --confirm Legacy", "operation.submitted").await;
        self.act("tenant delete 1 --confirm One", "operation.submitted").await;
        self.act("tenant undelete 1", "operation.submitted").await;
        self.act("tenant connect 1", "tenant.login_issued").await;
        let role = format!("tn_{}_app", installation(&self.system.db.pool).await);
        let create = format!(
            "create role {role} login noinherit;
             do $$ begin execute format('grant connect on database %I to {role}', current_database()); end $$"
        );
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&self.system.db.pool).await.unwrap();
        let named = [("TENANTRY__TENANTS__APPLICATION_ROLE", role.as_str())];
        let granted = "tenant.application_role_granted";
        self.act_with("tenant application-role", granted, &named).await;
        let revoke = format!("tenant application-role --revoke {role}");
        self.act(&revoke, "tenant.application_role_revoked").await;
    }

    async fn steering(&mut self) {
        self.act("queue pause", "queue.paused").await;
        let submit = self.file(2..4);
        let held = self.act(&submit, "operation.submitted").await;
        for noun in ["batch", "operation"] {
            for (verb, action) in [
                ("pause", "operation.paused"),
                ("resume", "operation.resumed"),
                ("cancel", "operation.cancelled"),
                ("retry", "operation.retried"),
            ] {
                self.act(&format!("{noun} {verb} last"), action).await;
            }
        }
        self.act("queue resume", "queue.resumed").await;
        self.finish(&held).await;
        self.execute(
            "update tenantry.operation_items i set state = 'undo_failed' from tenantry.operations o
             where o.id = i.operation_id and i.idx = 0
               and o.created_at = (select max(created_at) from tenantry.operations)",
        )
        .await;
        self.act("item undo last 0", "item.undo_retried").await;
        self.finish(&held).await;
        self.execute(
            "update tenantry.operation_items i set state = case idx when 0 then 'undo_failed' else 'stuck' end
             from tenantry.operations o
             where o.id = i.operation_id
               and o.created_at = (select max(created_at) from tenantry.operations)",
        )
        .await;
        self.act("item resolve last 0 --note removed", "item.resolved").await;
        self.act("item retry last 1", "item.retried").await;
        self.finish(&held).await;
    }

    /// The queue is paused, so that each act meets the rollout as the one before left it.
    async fn rollout(&mut self) {
        self.act("queue pause", "queue.paused").await;
        self.act("rollout start --all --yes", "operation.submitted").await;
        self.act("rollout pause last", "operation.paused").await;
        self.act("rollout resume last", "operation.resumed").await;
        self.act("rollout promote last --all", "rollout.promoted").await;
        self.act("rollout abort last", "operation.cancelled").await;
        self.act("rollout start --all --yes", "operation.submitted").await;
        self.act("rollout skip last 0 --reason later", "item.skipped").await;
        self.act("queue resume", "queue.resumed").await;
    }

    async fn shared(&mut self) {
        let folder = self.system.file("shared");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("1_plan.up.sql"), "create table plan ()").unwrap();
        fs::write(folder.join("1_plan.down.sql"), "drop table plan").unwrap();
        let named = [("SHARED_MIGRATIONS_DIR", folder.to_str().unwrap())];
        for command in ["migrate shared up", "migrate shared down --to none --yes"] {
            let ran = self.act_with(command, "shared.migrated", &named).await;
            assert_eq!(ran.code, Some(0), "{command}: {ran:?}");
        }
    }

    async fn installation(&mut self) {
        self.act("token create --name ci", "token.created").await;
        self.act("token revoke ci", "token.revoked").await;
        self.act("migrate tenant down --schema tenant_tenant_1_2 --yes", "operation.submitted")
            .await;
        self.rollout().await;
        self.act("migrate tenant up --all", "operation.submitted").await;
        self.execute("delete from tenantry.tenant_migrations where tenant_id = 2").await;
        self.act("migrate tenant record --schema tenant_tenant_1_2 --at 0002", "tenant.migrated")
            .await;
        self.act("migrate tenant relearn", "migrations.relearnt").await;
        self.shared().await;
        self.execute(PENDING).await;
        // It also finds what was done to the items above.
        let fix = "doctor --fix pending_without_item --grace 0";
        self.act_with(fix, "tenant.released", &[]).await;
        self.execute(OF_AUGUST).await;
        let file = self.system.file("august.ndjson");
        let export = format!("audit export --month 2026-08 --to {}", file.display());
        self.act(&export, "audit.exported").await;
        self.act("audit drop --month 2026-08 --yes", "audit.dropped").await;
        self.act("restore drop-roles deadbeef --yes", "roles.dropped").await;
        self.act("migrate public down --yes", "schema.reverted").await;
        self.act("migrate public up", "schema.migrated").await;
        let old = self.system.env["TENANTRY_MASTER_KEY"].clone();
        let keys = [
            ("TENANTRY_MASTER_KEY", OTHER_MASTER_KEY),
            ("TENANTRY_MASTER_KEY_PREVIOUS", &old),
            ("TENANTRY__WORKER__STAGE_TIMEOUT_MS", "1000"),
        ];
        // It also says that a worker has not got the new key.
        self.act_with("keys roll-master", "master_key.rolled", &keys).await;
    }
}

#[tokio::test]
async fn every_command_leaves_an_audit_row_or_is_named_as_one_that_changes_nothing() {
    let mut walk = Walk::start().await;

    walk.tenants_and_keys().await;
    walk.steering().await;
    walk.installation().await;

    let named = LOOKS.split_whitespace().chain(ELSEWHERE.split_whitespace()).map(str::to_owned);
    let named: BTreeSet<String> = named.collect();
    let both: Vec<&String> = walk.acted.intersection(&named).collect();
    assert!(both.is_empty(), "{both:?}");
    assert_eq!(&walk.acted | &named, walk.commands);
}
