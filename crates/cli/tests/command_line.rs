//! What can be found out about the command without a server.

mod support;

use std::fs;

use support::{is_plain, tenantry};

#[test]
fn help_lists_the_commands_and_how_to_begin() {
    let dir = tempfile::tempdir().unwrap();

    let ran = tenantry(dir.path(), &["--help"], &[]);

    assert_eq!(ran.code, 0);
    let listed = ran.out.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed: Vec<&str> =
        listed.map_while(|line| line.strip_prefix("  ")?.split_whitespace().next()).collect();
    assert!(listed.contains(&"doctor") && listed.len() > 10, "{}", ran.out);
    for command in listed.into_iter().filter(|command| *command != "help") {
        let ran = tenantry(dir.path(), &[command, "--help"], &[]);
        assert_eq!(ran.code, 0, "{command}: {}", ran.err);
    }
    assert!(ran.out.contains("Start here"), "{}", ran.out);
}

#[test]
fn a_secret_in_the_environment_is_not_in_the_help() {
    let dir = tempfile::tempdir().unwrap();

    let ran = tenantry(dir.path(), &["submit", "--help"], &[("TENANTRY_TOKEN", "tto_secret")]);

    assert!(!ran.out.contains("tto_secret"), "{}", ran.out);
}

#[test]
fn wrong_usage_exits_with_2() {
    let dir = tempfile::tempdir().unwrap();
    let token = [("TENANTRY_TOKEN", "tto_x")];

    for args in [
        &["no-such-command"][..],
        &["submit"],
        &["submit", "gone.csv"],
        &["batch", "show", "../../tenants"],
        &["batch", "pause", "../../queue"],
        &["item", "resolve", "last", "0"],
        &["item", "undo", "last", "first"],
        &["queue", "stop"],
        &["migrate", "tenant", "up"],
        &["migrate", "tenant", "init", "--schema", "x"],
        &["migrate", "tenant", "record", "--at", "1"],
        &["migrate", "tenant", "record", "--all", "--at", "1"],
        &["migrate", "tenant", "up", "--all", "--schema", "x"],
        &["token", "create", "--name", "x", "--expires", "soon"],
        &["demo", "--tenants", "1"],
        &["submit", "x.csv", "--run-at", "tomorrow"],
        &["tenant", "list", "--url", "nonsense"],
    ] {
        let ran = tenantry(dir.path(), args, &token);
        assert_eq!(ran.code, 2, "{args:?}: {}{}", ran.out, ran.err);
    }
}

#[test]
fn what_cannot_be_undone_needs_a_yes() {
    let dir = tempfile::tempdir().unwrap();
    let env = [("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")];

    for args in [&["migrate", "public", "down"][..], &["migrate", "tenant", "down", "--all"]] {
        let ran = tenantry(dir.path(), args, &env);
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(ran.err.contains("--yes"), "{}", ran.err);
    }
}

#[test]
fn without_a_token_it_says_which_variable_and_which_command() {
    let dir = tempfile::tempdir().unwrap();

    let ran = tenantry(dir.path(), &["batch", "list"], &[]);

    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("TENANTRY_TOKEN"), "{}", ran.err);
    assert!(ran.err.contains("tenantry token create"), "{}", ran.err);
}

#[test]
fn an_api_that_is_not_there_is_named_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let env = [("TENANTRY_TOKEN", "tto_x"), ("TENANTRY_URL", "http://127.0.0.1:1")];

    let ran = tenantry(dir.path(), &["tenant", "list"], &env);

    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("http://127.0.0.1:1"), "{}", ran.err);
    assert!(ran.err.contains("tenantry dev"), "{}", ran.err);
    assert!(!ran.err.contains("tto_x"), "{}", ran.err);
}

#[test]
fn a_bad_setting_is_named_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();

    for (name, value) in [
        ("API_KEY_LENGTH", "long"),
        ("MAX_TENANTS_PER_BATCH", "-1"),
        ("TENANTRY__WORKER__NO_SUCH_KEY", "1"),
    ] {
        let ran = tenantry(dir.path(), &["config", "check"], &[(name, value)]);
        assert_eq!(ran.code, 1, "{}", ran.err);
        assert!(ran.err.contains(name), "{}", ran.err);
    }
}

#[test]
fn config_check_shows_sources_and_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let env = [
        ("DATABASE_URL", "postgres://user:hunter2@db.example/tenantry"),
        ("TENANT_SCHEMA_PREFIX", "cust_"),
    ];

    let ran = tenantry(dir.path(), &["config", "check"], &env);

    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("env TENANT_SCHEMA_PREFIX"), "{}", ran.out);
    assert!(ran.out.contains("cust_"), "{}", ran.out);
    assert!(!ran.out.contains("hunter2"), "{}", ran.out);
}

#[test]
fn config_check_can_demand_what_servers_need() {
    let dir = tempfile::tempdir().unwrap();

    let ran = tenantry(dir.path(), &["config", "check", "--complete"], &[]);

    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("DATABASE_URL is not set"), "{}", ran.err);
}

#[test]
fn nothing_but_text_goes_into_a_pipe() {
    let dir = tempfile::tempdir().unwrap();

    for args in [&["config", "check"][..], &["--help"], &["batch", "list"]] {
        let ran = tenantry(dir.path(), args, &[("TERM", "xterm-256color")]);
        assert!(is_plain(&ran.out) && is_plain(&ran.err), "{:?}", ran);
    }
}

#[test]
fn a_file_it_cannot_read_is_named_with_the_line() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("bad.ndjson"), "{\"tenant_name\":\"A\"}\n{oops\n").unwrap();
    fs::write(dir.path().join("bad.csv"), "tenant_name,domian\nA,a.example\n").unwrap();
    let env = [("TENANTRY_TOKEN", "tto_x"), ("TENANTRY_URL", "http://127.0.0.1:1")];

    let lines = tenantry(dir.path(), &["submit", "bad.ndjson"], &env);
    let header = tenantry(dir.path(), &["submit", "bad.csv"], &env);

    assert_eq!((lines.code, header.code), (2, 2));
    assert!(lines.err.contains("line 2"), "{}", lines.err);
    assert!(header.err.contains("domian"), "{}", header.err);
}

#[test]
fn starter_migrations_need_no_database() {
    let dir = tempfile::tempdir().unwrap();
    let env = [("TENANT_MIGRATIONS_DIR", "mine")];

    let ran = tenantry(dir.path(), &["migrate", "tenant", "init"], &env);
    let again = tenantry(dir.path(), &["migrate", "tenant", "init", "--json"], &env);

    assert_eq!((ran.code, ran.out.as_str()), (0, "wrote 4 files to mine\n"), "{}", ran.err);
    assert!(dir.path().join("mine/0001_tenant.up.sql").is_file());
    let told: serde_json::Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!(again.code, 1);
    assert_eq!(told, serde_json::json!({ "folder": "mine", "files_written": 0 }));
}

#[test]
fn a_schema_to_begin_is_told_which_command_is_meant() {
    let dir = tempfile::tempdir().unwrap();
    let env = [("TENANT_MIGRATIONS_DIR", "mine")];

    let ran = tenantry(dir.path(), &["migrate", "tenant", "init", "--schema", "acme"], &env);

    assert_eq!(ran.code, 2, "{}", ran.err);
    for meant in ["tenant up --schema acme", "tenant record --schema acme", "tenantry submit"] {
        assert!(ran.err.contains(meant), "{meant}: {}", ran.err);
    }
    assert!(!dir.path().join("mine").exists());
}

#[test]
fn a_file_of_settings_lies_over_the_others() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("mine.toml"), "[worker]\nconcurrency = 7\n").unwrap();

    let by_option = tenantry(dir.path(), &["config", "check", "--config", "mine.toml"], &[]);
    let env = [("TENANTRY_CONFIG_FILE", "mine.toml")];
    let by_name = tenantry(dir.path(), &["config", "check"], &env);
    let missing = tenantry(dir.path(), &["config", "check", "--config", "gone.toml"], &[]);

    for ran in [by_option, by_name] {
        assert!(ran.out.contains("worker.concurrency\t7\tmine.toml"), "{}{}", ran.out, ran.err);
    }
    assert_eq!(missing.code, 1);
    assert!(missing.err.contains("gone.toml: there is no such file"), "{}", missing.err);
}

#[test]
fn shells_and_man_get_what_they_need() {
    let dir = tempfile::tempdir().unwrap();

    for shell in ["bash", "zsh", "fish"] {
        let ran = tenantry(dir.path(), &["completions", shell], &[]);
        assert!(ran.code == 0 && ran.out.contains("idempotency-key"), "{shell}: {}", ran.err);
    }
    let page = tenantry(dir.path(), &["man"], &[]);
    let pages = tenantry(dir.path(), &["man", "pages"], &[]);

    assert!(page.out.contains(".TH tenantry 1"), "{}", page.out);
    assert_eq!(pages.code, 0, "{}", pages.err);
    for name in ["tenantry.1", "tenantry-submit.1", "tenantry-batch-watch.1", "tenantry-worker.1"] {
        assert!(dir.path().join("pages").join(name).is_file(), "{name}");
    }
}
