//! The commands that steer work under way, against an API on a fresh database and without a worker.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod checks;
mod history;
mod operations;
#[path = "../support/mod.rs"]
mod support;
mod tenant_keys;

use std::{fs, net::SocketAddr};

use harness::Db;
use serde_json::{Value, json};
use settings::{Profile, Settings};
use support::{Ran, tenantry, terminal::OnTerminal};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// 32 bytes in hex, for tests only.
const MASTER_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

struct System {
    db: Db,
    address: SocketAddr,
    token: String,
    dir: TempDir,
    stop: CancellationToken,
}

impl System {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    async fn start_with(more: &[(&str, &str)]) -> Self {
        let db = harness::fresh_db().await;
        let dir = tempfile::tempdir().unwrap();
        let env = [
            ("DATABASE_URL", db.url.as_str()),
            ("TENANTRY_MASTER_KEY", MASTER_KEY),
            ("TENANTRY__API__BURST", "100000"),
        ];
        let make = ["token", "create", "--name", "ada", "--role", "admin"];
        let token = tenantry(dir.path(), &make, &env).out.trim().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let env = env.iter().chain(more);
        let env = env.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let settings = Settings::from_env_map(Profile::Default, env).unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(api::run(settings, listener, stop.clone()));
        Self { db, address, token, dir, stop }
    }

    fn run(&self, args: &[&str]) -> Ran {
        let url = format!("http://{}", self.address);
        let env = [("TENANTRY_URL", url.as_str()), ("TENANTRY_TOKEN", self.token.as_str())];
        tenantry(self.dir.path(), args, &env)
    }

    fn on_terminal(&self, columns: u16, args: &[&str]) -> OnTerminal {
        let url = format!("http://{}", self.address);
        let env = [("TENANTRY_URL", url.as_str()), ("TENANTRY_TOKEN", self.token.as_str())];
        OnTerminal::start(self.dir.path(), columns, args, &env)
    }

    fn json(&self, args: &[&str]) -> Value {
        let ran = self.run(&[args, &["--json"]].concat());
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
        serde_json::from_str(&ran.out).unwrap()
    }

    fn file(&self, tenants: &Value) -> &'static str {
        fs::write(self.dir.path().join("tenants.json"), tenants.to_string()).unwrap();
        "tenants.json"
    }

    async fn execute(&self, sql: &'static str) {
        sqlx::query(sql).execute(&self.db.pool).await.unwrap();
    }
}

impl Drop for System {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn tenants() -> Value {
    json!([
        { "tenant_name": "Acme", "domain": "acme.example.com" },
        { "tenant_name": "Beta", "domain": "beta.example.com" },
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_and_the_queue_are_paused_and_resumed() {
    let system = System::start().await;
    system.json(&["submit", system.file(&tenants())]);

    let paused = system.run(&["batch", "pause", "last"]);
    let twice = system.run(&["batch", "pause", "last"]);
    let resumed = system.json(&["batch", "resume", "last"]);
    let queue = system.run(&["queue", "pause"]);
    let shown = system.json(&["queue", "show"]);
    let open = system.run(&["queue", "resume"]);

    assert!(paused.out.contains("queued, paused"), "{}", paused.out);
    assert_eq!(twice.code, 1);
    assert!(twice.err.contains("batch_paused"), "{}", twice.err);
    assert_eq!(resumed["paused"], false);
    assert!(queue.out.contains("paused: 2 waiting, 0 running, no worker"), "{}", queue.out);
    assert_eq!(shown["paused"], true);
    assert!(open.out.contains("the queue is open"), "{}", open.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_submitted_for_later_and_as_a_whole() {
    let system = System::start().await;
    let file = system.file(&tenants());

    let tomorrow = (chrono::Utc::now() + chrono::TimeDelta::days(1)).to_rfc3339();
    let whole = system.json(&["submit", file, "--mode", "atomic", "--run-at", &tomorrow]);
    let late = system.run(&["submit", file, "--run-at", "2001-01-01T00:00:00Z"]);
    let shown = system.run(&["batch", "show", "last"]);

    assert_eq!((&whole["mode"], &whole["state"]), (&json!("atomic"), &json!("queued")));
    assert!(whole["run_at"].is_string());
    assert_eq!(late.code, 1);
    assert!(late.err.contains("invalid_run_at"), "{}", late.err);
    assert!(shown.out.contains("queued until "), "{}", shown.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_whole_names_its_culprit() {
    let system = System::start().await;
    let mut tenants = tenants();
    tenants[1]["domain"] = "a-.com".into();

    system.run(&["submit", system.file(&tenants), "--mode", "atomic"]);
    let shown = system.run(&["batch", "show", "last"]);

    assert!(shown.out.contains("rolled_back"), "{}", shown.out);
    assert!(shown.err.contains("because of item 1: invalid_domain"), "{}", shown.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_whose_undo_failed_is_undone_or_resolved() {
    let system = System::start().await;
    system.json(&["submit", system.file(&tenants())]);
    system.execute("update tenantry.operation_items set state = 'undo_failed'").await;

    let undone = system.run(&["item", "undo", "last", "0"]);
    let resolved = system.json(&["item", "resolve", "last", "1", "--note", "dropped by hand"]);
    let again = system.run(&["item", "undo", "last", "1"]);

    assert_eq!(undone.code, 0, "{}", undone.err);
    assert!(undone.out.contains("unwinding"), "{}", undone.out);
    assert_eq!(resolved["status"], "failed");
    assert_eq!(again.code, 1);
    assert!(again.err.contains("item_not_undo_failed"), "{}", again.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_leaves_a_watch_and_says_that_the_batch_goes_on() {
    let system = System::start().await;
    let file = system.file(&tenants());

    for args in [&["submit", file, "--watch"][..], &["batch", "watch", "last"]] {
        let watching = system.on_terminal(80, args);
        watching.until("0/2");
        watching.interrupt();
        let (code, shown) = watching.end();

        assert_eq!(code, 130, "{shown}");
        assert!(shown.contains("the batch goes on: `tenantry batch watch "), "{shown}");
        assert!(!shown.contains("error"), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_a_wait_for_results() {
    let system = System::start().await;
    let file = system.file(&tenants());

    let waiting = system.on_terminal(80, &["submit", file, "--wait", "40"]);
    while system.json(&["batch", "list"])["batches"] == json!([]) {}
    waiting.interrupt();
    let (code, shown) = waiting.end();

    assert_eq!(code, 130, "{shown}");
    assert!(shown.contains("the batch goes on if the API has it"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_told_at_once() {
    let system = System::start().await;
    let bad = json!([{ "tenant_name": "A", "domain": "a-.com" }, { "tenant_name": "", "domain": "b.com" }]);

    let refused = system.run(&["submit", system.file(&bad)]);
    let id = refused.out.trim();

    assert_eq!((refused.code, id.len()), (1, 36), "{}", refused.out);
    assert!(refused.err.contains("2 of 2 refused"), "{}", refused.err);
    assert!(refused.err.contains("invalid_domain") && refused.err.contains("invalid_tenant_name"));
    assert!(!refused.err.contains("batch watch"), "nothing is left to watch: {}", refused.err);
}

/// Every command that gives a result and ends by itself; `BATCH` stands for a batch's id.
const COMMANDS: [&str; 44] = [
    "submit more.json",
    "batch list",
    "batch show BATCH",
    "batch results BATCH",
    "batch pause BATCH",
    "batch resume BATCH",
    "batch cancel BATCH",
    "submit more.json --dry-run",
    "operation list",
    "operation show BATCH",
    "operation items BATCH",
    "operation retry BATCH",
    "item show BATCH 0",
    "item retry BATCH 0",
    "queue show",
    "queue status",
    "queue pause",
    "queue resume",
    "keys reveal BATCH",
    "keys acknowledge BATCH",
    "tenant list",
    "tenant list --page 99",
    "tenant show 1",
    "tenant status 1",
    "token create --name bob --role viewer",
    "token list",
    "token revoke bob",
    "health",
    "health tenants",
    "config check",
    "migrate lint",
    "migrate try",
    "migrate public status",
    "migrate public up",
    "migrate tenant check",
    "migrate tenant status --all",
    "migrate tenant up --all",
    "migrate tenant down --all --yes",
    "migrate tenant relearn",
    "doctor",
    "drift --all",
    "keys roll-master",
    "restore copy",
    "migrate public down --yes",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_command_answers_json() {
    let system = System::start().await;
    let batch = system.run(&["submit", system.file(&tenants())]).out.trim().to_owned();
    let more = json!([{ "tenant_name": "More", "domain": "more.example" }]);
    fs::write(system.dir.path().join("more.json"), more.to_string()).unwrap();
    let url = format!("http://{}", system.address);
    let env = [
        ("TENANTRY_URL", url.as_str()),
        ("TENANTRY_TOKEN", system.token.as_str()),
        ("DATABASE_URL", system.db.url.as_str()),
        ("TENANTRY_MASTER_KEY", MASTER_KEY),
    ];

    for command in COMMANDS {
        let command = command.replace("BATCH", &batch);
        let args: Vec<&str> = command.split(' ').chain(["--json"]).collect();
        let ran = tenantry(system.dir.path(), &args, &env);

        let said = if ran.out.is_empty() { ran.err.lines().last() } else { Some(&*ran.out) };
        let read = said.map(serde_json::from_str::<Value>);
        assert!(matches!(read, Some(Ok(_))), "{command}: {} {:?} {}", ran.code, ran.out, ran.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledging_says_how_many_keys_were_erased() {
    let system = System::start().await;
    let bad = json!([{ "tenant_name": "A", "domain": "a-.com" }]);
    system.run(&["submit", system.file(&bad)]);

    let none = system.run(&["keys", "acknowledge", "last"]);

    assert!(none.out.contains("has no unread key"), "{}{}", none.out, none.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_found_by_the_beginning_of_its_id() {
    let system = System::start().await;
    let file = system.file(&tenants());
    let first = system.run(&["submit", file]).out.trim().to_owned();
    let second = system.run(&["submit", file]).out.trim().to_owned();

    let shown = system.json(&["batch", "show", &first[..28]]);
    let alias = system.json(&["batch", "status", &second]);
    let both = system.run(&["batch", "show", &first[..4]]);
    let none = system.run(&["batch", "show", "ffff"]);
    let no_id = system.run(&["batch", "show", "acme"]);

    assert_eq!((&shown["batch_id"], &alias["batch_id"]), (&json!(first), &json!(second)));
    assert_eq!((both.code, none.code, no_id.code), (2, 1, 2), "{}", both.err);
    assert!(both.err.contains(&first) && both.err.contains(&second), "{}", both.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_found_by_every_name_it_has() {
    let system = System::start().await;
    let tenants = json!([{ "tenant_name": "Bücher", "domain": "bücher.example", "external_id": "4711",
        "schema_name": "books" }]);
    system.json(&["submit", system.file(&tenants)]);

    for name in ["1", "bücher.example", "XN--BCHER-KVA.example", "books", "4711"] {
        let shown = system.json(&["tenant", "show", name]);
        assert_eq!(shown["tenant_id"], 1, "{name}");
        assert_eq!(system.run(&["tenant", "status", name]).code, 0, "{name}");
    }
    let people = system.run(&["tenant", "show", "books"]);
    let nobody = system.run(&["tenant", "show", "acme.example"]);

    assert!(people.out.contains("domain\tbücher.example"), "{}", people.out);
    assert_eq!(nobody.code, 1);
    assert!(nobody.err.contains("no tenant has `acme.example`"), "{}", nobody.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_json_a_failure_is_a_problem_document() {
    let system = System::start().await;

    let from_api = system.run(&["batch", "show", "01a2169a-3cbd-722a-9d93-40f533367b1f", "--json"]);
    let ours = system.run(&["submit", "gone.csv", "--json"]);
    let usage = system.run(&["queue", "stop", "--json"]);

    for (ran, code, name) in
        [(from_api, 1, "batch_not_found"), (ours, 2, "wrong_usage"), (usage, 2, "wrong_usage")]
    {
        let told: Value = serde_json::from_str(&ran.err).unwrap();
        assert_eq!((ran.code, &told["code"]), (code, &json!(name)), "{}", ran.err);
        assert!(told["title"].is_string() && told["detail"].is_string(), "{}", ran.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_narrows_what_its_tenants_are_called() {
    let system = System::start_with(&[
        ("TENANTRY__TENANTS__NAME_PATTERN", "[A-Z].*"),
        ("TENANTRY__TENANTS__DOMAIN_SUFFIXES", "customers.example"),
        ("TENANTRY__TENANTS__RESERVED_NAMES", "admin,www"),
    ])
    .await;
    let tenants = json!([
        { "tenant_name": "Acme", "domain": "acme.customers.example" },
        { "tenant_name": "acme", "domain": "b.customers.example" },
        { "tenant_name": "Beta", "domain": "beta.example.com" },
        { "tenant_name": "Gamma", "domain": "www.customers.example", "schema_name": "ADMIN" },
    ]);

    let submitted = system.run(&["submit", system.file(&tenants)]);

    assert!(submitted.err.contains("3 of 4 refused, 1 queued"), "{}", submitted.err);
    for setting in ["name_pattern", "domain_suffixes", "reserved_names"] {
        assert!(submitted.err.contains(&format!("tenants.{setting}")), "{}", submitted.err);
    }
}
