//! What a process gets for its environment and files, and what it refuses.

use std::{fs, path::Path};

use secrecy::ExposeSecret;

use crate::{LogFormat, Profile, Settings, SettingsError};

const MASTER_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

pub(super) fn with(profile: Profile, env: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let owned = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::from_env_map(profile, owned)
}

fn accepted(env: &[(&str, &str)]) -> Settings {
    with(Profile::Default, env).unwrap()
}

fn refused(env: &[(&str, &str)]) -> Vec<(String, String)> {
    let error = with(Profile::Default, env).unwrap_err();
    error.problems().iter().map(|p| (p.key.clone(), p.message.clone())).collect()
}

/// The one problem is reported under `key` and says `part`.
pub(super) fn assert_refused(env: &[(&str, &str)], key: &str, part: &str) {
    let problems = refused(env);
    let [(found, message)] = problems.as_slice() else {
        panic!("{env:?} should have one problem, has {problems:?}");
    };
    assert_eq!(found, key, "{message}");
    assert!(message.contains(part), "{message} should say {part}");
}

pub(super) fn source_of(settings: &Settings, key: &str) -> String {
    let line = settings.describe().iter().find(|line| line.key == key);
    line.map(|line| line.source.to_string()).unwrap()
}

pub(super) fn write(dir: &Path, name: &str, text: &str) {
    fs::write(dir.join(name), text).unwrap();
}

#[test]
fn the_defaults_are_what_default_toml_says() {
    let settings = accepted(&[]);

    assert_eq!((settings.api.host.as_str(), settings.api.port), ("127.0.0.1", 8080));
    assert_eq!(settings.api.max_tenants_per_batch, 10_000);
    assert_eq!(settings.api.max_body_bytes, 64 << 20);
    assert_eq!((settings.worker.port, settings.worker.concurrency), (8081, 4));
    assert_eq!(settings.tenants.schema_prefix, "tenant_");
    assert_eq!(settings.tenants.max_limits["users"], 10_000);
    assert_eq!((settings.keys.prefix.as_str(), settings.keys.length), ("tk_", 32));
    assert!(settings.keys.expires_days.is_none() && settings.tenants.migrations_dir.is_none());
    assert_eq!(settings.log.format, LogFormat::Text);
}

#[test]
fn a_takeover_fits_into_thirty_seconds_by_default() {
    for profile in [Profile::Default, Profile::Dev, Profile::Production] {
        let worker = with(profile, &[]).unwrap().worker;

        assert!(worker.dead_after_ms + worker.sweep_ms + worker.heartbeat_ms < 30_000);
    }
}

#[test]
fn no_profile_has_a_secret() {
    for profile in [Profile::Default, Profile::Dev, Profile::Production] {
        let settings = with(profile, &[]).unwrap();

        assert!(settings.database.url.is_none() && settings.keys.master_key.is_none());
    }
}

#[test]
fn production_listens_to_the_outside_and_logs_json() {
    let settings = with(Profile::Production, &[]).unwrap();

    assert_eq!((settings.api.host.as_str(), settings.worker.host.as_str()), ("0.0.0.0", "0.0.0.0"));
    assert_eq!(settings.log.format, LogFormat::Json);
    assert_eq!(source_of(&settings, "api.host"), "production.toml");
    assert_eq!(source_of(&settings, "api.port"), "default.toml");
}

#[test]
fn a_profile_changes_every_value_it_names() {
    let defaults = accepted(&[]);
    for profile in [Profile::Dev, Profile::Production] {
        let settings = with(profile, &[]).unwrap();
        let pairs = settings.describe().iter().zip(defaults.describe());
        let repeated: Vec<_> =
            pairs.filter(|(a, b)| a.source != b.source && a.value == b.value).collect();

        assert!(repeated.is_empty(), "{profile} repeats {repeated:?}");
    }
}

#[test]
fn the_well_known_names_work_as_they_are() {
    let settings = accepted(&[
        ("DATABASE_URL", "postgres://u:pw@db/tenantry"),
        ("DEFAULT_TENANT_FEATURES", "basic, webhooks,,webhooks"),
        ("MAX_TENANTS_PER_BATCH", "7"),
        ("TENANT_SCHEMA_PREFIX", "acme_"),
        ("API_KEY_LENGTH", "22"),
        ("API_KEY_PREFIX", "ak_"),
        ("BATCH_PROCESSING_TIMEOUT", "120"),
        ("SCHEMA_CREATION_TIMEOUT", "9"),
        ("TENANT_MIGRATIONS_DIR", "/srv/migrations"),
        ("TENANTRY_MASTER_KEY", MASTER_KEY),
    ]);

    let url = settings.database.require_url().unwrap();
    assert_eq!(url.expose_secret(), "postgres://u:pw@db/tenantry");
    assert_eq!(settings.tenants.default_features, ["basic", "webhooks"]);
    assert_eq!(settings.api.max_tenants_per_batch, 7);
    assert_eq!(settings.tenants.schema_prefix, "acme_");
    assert_eq!((settings.keys.length, settings.keys.prefix.as_str()), (22, "ak_"));
    assert_eq!(settings.tenants.batch_timeout_secs, 120);
    assert_eq!(settings.worker.stage_timeout_ms, 9000);
    assert_eq!(settings.tenants.migrations_dir.as_deref(), Some(Path::new("/srv/migrations")));
    assert_eq!(settings.keys.require_master_key().unwrap().expose_secret(), MASTER_KEY);
}

/// `original/environment`, as a loader that keeps quotes, one that strips a value's outer ones, and a
/// shell give it.
#[test]
fn the_originals_environment_is_taken_in_all_three_ways_it_is_loaded() {
    let file = include_str!("../../../tests/original/environment");
    let read = |keep: fn(&str) -> String| {
        let line = |line: &str| {
            let (name, value) = line.split_once('=').unwrap();
            (name.to_owned(), keep(value))
        };
        Settings::from_env_map(Profile::Default, file.lines().map(line)).unwrap()
    };
    let stripped = |value: &str| value.trim_matches('"').to_owned();

    for settings in [read(str::to_owned), read(stripped), read(|value| value.replace('"', ""))] {
        assert_eq!(settings.tenants.default_features, ["basic", "analytics"]);
        assert_eq!(settings.tenants.schema_prefix, "tenant_");
        assert_eq!((settings.keys.prefix.as_str(), settings.keys.length), ("tk_", 32));
        assert_eq!(settings.api.max_tenants_per_batch, 50);
        assert_eq!(settings.tenants.batch_timeout_secs, 300);
        assert_eq!(settings.worker.stage_timeout_ms, 60_000);
    }
}

#[test]
fn one_pair_of_outer_quotes_is_taken_off_and_no_more() {
    let prefix = |text: &str| accepted(&[("API_KEY_PREFIX", text)]).keys.prefix;

    assert_eq!((prefix("'ak_'"), prefix("\"ak_\"")), ("ak_".to_owned(), "ak_".to_owned()));
    assert_eq!(accepted(&[("TENANTRY_PROFILE", "\"dev\"")]).profile(), Profile::Dev);
    for text in ["\"\"ak_\"\"", "\"ak_", "\"ak_'"] {
        assert_refused(&[("API_KEY_PREFIX", text)], "API_KEY_PREFIX", "must be [a-z0-9_]+");
    }
}

#[test]
fn every_other_key_is_named_by_its_path() {
    let settings = accepted(&[
        ("TENANTRY__WORKER__CONCURRENCY", "16"),
        ("TENANTRY__WORKER__STAGE_TIMEOUT_MS", "1500"),
        ("TENANTRY__TENANTS__DEFAULT_LIMITS__USERS", "5"),
        ("TENANTRY__KEYS__EXPIRES_DAYS", "365"),
        ("TENANTRY__LOG__FORMAT", "json"),
    ]);

    assert_eq!(settings.worker.concurrency, 16);
    assert_eq!(settings.worker.stage_timeout_ms, 1500);
    assert_eq!(settings.tenants.default_limits["users"], 5);
    assert_eq!(settings.tenants.default_limits["storage_gb"], 50);
    assert_eq!(settings.keys.expires_days, Some(365));
    assert_eq!(settings.log.format, LogFormat::Json);
}

#[test]
fn the_environment_wins_over_the_profile() {
    let settings = with(Profile::Production, &[("TENANTRY__API__HOST", "10.0.0.1")]).unwrap();

    assert_eq!(settings.api.host, "10.0.0.1");
}

#[test]
fn a_well_known_name_wins_over_the_path_form() {
    let settings = accepted(&[
        ("TENANTRY__WORKER__STAGE_TIMEOUT_MS", "1500"),
        ("SCHEMA_CREATION_TIMEOUT", "2"),
        ("MAX_TENANTS_PER_BATCH", "7"),
        ("TENANTRY__API__MAX_TENANTS_PER_BATCH", "8"),
    ]);

    assert_eq!(settings.worker.stage_timeout_ms, 2000);
    assert_eq!(settings.api.max_tenants_per_batch, 7);
    assert_eq!(source_of(&settings, "api.max_tenants_per_batch"), "env MAX_TENANTS_PER_BATCH");
}

#[test]
fn extensions_and_shared_tables_are_lists_of_identifiers() {
    let (extensions, tables) =
        ("TENANTRY__TENANTS__EXTENSIONS", "TENANTRY__TENANTS__SHARED_TABLES");
    let settings =
        accepted(&[(extensions, "citext, uuid-ossp"), (tables, r#"["public.countries"]"#)]);

    assert_eq!(settings.tenants.extensions, ["citext", "uuid-ossp"]);
    assert_eq!(settings.tenants.shared_tables, ["public.countries"]);
    for wrong in ["Citext", "a b", "1a", "a\"b", "a;b"] {
        assert_refused(&[(extensions, wrong)], extensions, "names of extensions");
    }
    for wrong in [
        "countries",
        "a.b.c",
        "public.Countries",
        "pg_catalog.x",
        "tenantry.tenants",
        ".a",
        "apalis.jobs",
        "tenantry_extensions.x",
        "public.a b",
    ] {
        assert_refused(&[(tables, wrong)], tables, "schema.table");
    }
}

#[test]
fn an_empty_variable_leaves_an_optional_key_unset() {
    let settings = accepted(&[("DATABASE_URL", ""), ("TENANTRY_MASTER_KEY", "")]);

    assert!(settings.database.url.is_none() && settings.keys.master_key.is_none());
}

#[test]
fn a_url_in_a_file_is_read_anew_at_each_call() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("url");
    fs::write(&file, "postgres://u:one@db/x\n").unwrap();
    let settings = accepted(&[("DATABASE_URL_FILE", file.to_str().unwrap())]);
    let read = || settings.database.require_url().map(|url| url.expose_secret().to_owned());

    let first = read().unwrap();
    fs::write(&file, "postgres://u:two@db/x").unwrap();
    let second = read().unwrap();
    fs::write(&file, "hunter2").unwrap();
    let refused = read().unwrap_err().to_string();

    assert_eq!((&*first, &*second), ("postgres://u:one@db/x", "postgres://u:two@db/x"));
    assert!(refused.contains("must start with postgres://"), "{refused}");
    assert!(!refused.contains("hunter2"), "{refused}");
}

#[test]
fn a_url_beside_a_file_with_a_url_is_refused() {
    let both = [("DATABASE_URL", "postgres://db/x"), ("DATABASE_URL_FILE", "/f")];

    assert_refused(&both, "DATABASE_URL_FILE", "is set beside DATABASE_URL");
}

#[test]
fn a_value_that_is_needed_and_missing_is_named() {
    let settings = accepted(&[]);

    let url = settings.database.require_url().unwrap_err().to_string();
    let key = settings.keys.require_master_key().unwrap_err().to_string();

    assert!(url.starts_with("DATABASE_URL is not set"), "{url}");
    assert!(key.starts_with("TENANTRY_MASTER_KEY is not set"), "{key}");
}

#[test]
fn an_unknown_key_stops_the_start_and_shows_its_neighbours() {
    let name = "TENANTRY__WORKER__CONCURENCY";
    assert_refused(&[(name, "4")], name, "concurrency");
    assert_refused(&[("TENANTRY__WROKER__PORT", "4")], "TENANTRY__WROKER__PORT", "worker");
    assert_refused(&[("TENANTRY__WORKER", "4")], "TENANTRY__WORKER", "no such key");
    let lower = "TENANTRY__worker__concurrency";
    assert_refused(&[(lower, "4")], lower, "TENANTRY__WORKER__CONCURRENCY");
}

#[test]
fn a_wrong_type_or_range_is_named_as_it_was_written() {
    for (name, value, part) in [
        ("TENANTRY__WORKER__CONCURRENCY", "0", "from 1 to 256, is `0`"),
        ("TENANTRY__WORKER__CONCURRENCY", "many", "from 1 to 256, is `many`"),
        ("TENANTRY__API__PORT", "65536", "from 0 to 65535"),
        ("TENANTRY__API__PORT", "-1", "from 0 to 65535"),
        ("TENANTRY__API__PORT", "", "from 0 to 65535"),
        ("API_KEY_LENGTH", "21", "from 22 to 128"),
        ("API_KEY_LENGTH", "129", "from 22 to 128"),
        ("MAX_TENANTS_PER_BATCH", "0", "from 1 to 100000"),
        ("MAX_TENANTS_PER_BATCH", "99999999999999999999", "from 1 to 100000"),
        ("SCHEMA_CREATION_TIMEOUT", "0", "from 1 to 3600"),
        ("BATCH_PROCESSING_TIMEOUT", "1.5", "from 1 to 604800"),
        ("API_KEY_PREFIX", "Tk-", "[a-z0-9_]+"),
        ("API_KEY_PREFIX", "", "[a-z0-9_]+"),
        ("DEFAULT_TENANT_FEATURES", "basic,Not OK", "has `Not OK`"),
        ("TENANTRY__TENANTS__MAX_LIMITS__MAX_FILES", "-1", "0 or more"),
        ("TENANTRY__TENANTS__MAX_LIMITS", "5", "TENANTRY__TENANTS__MAX_LIMITS__USERS"),
        ("TENANTRY__LOG__FORMAT", "xml", "\"text\" or \"json\""),
        ("TENANTRY__API__HOST", "http://here", "host name"),
        ("TENANTRY_PROFILE", "prod", "default, dev or production"),
    ] {
        assert_refused(&[(name, value)], name, part);
    }
}

#[test]
fn a_schema_prefix_that_postgresql_reserves_or_would_quote_is_refused() {
    for prefix in ["pg_", "pg_x", "1st_", "Tenant_", "a-b", "a b", "é_", "", "a\"", "a\n"] {
        assert_refused(&[("TENANT_SCHEMA_PREFIX", prefix)], "TENANT_SCHEMA_PREFIX", "[a-z_]");
    }
    let (longest, too_long) = ("a".repeat(20), "a".repeat(21));
    assert_refused(&[("TENANT_SCHEMA_PREFIX", &too_long)], "TENANT_SCHEMA_PREFIX", "20 bytes");
    assert_eq!(accepted(&[("TENANT_SCHEMA_PREFIX", &longest)]).tenants.schema_prefix, longest);
}

#[test]
fn a_wrong_secret_is_named_and_never_shown() {
    let env = [("DATABASE_URL", "mysql://u:hunter2@db/x"), ("TENANTRY_MASTER_KEY", "hunter2")];

    let error = with(Profile::Default, &env).unwrap_err();

    let text = format!("{error} {error:?}");
    assert!(text.contains("DATABASE_URL") && text.contains("TENANTRY_MASTER_KEY"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn every_problem_is_reported_at_once() {
    let problems = refused(&[
        ("TENANTRY__WORKER__CONCURRENCY", "0"),
        ("API_KEY_LENGTH", "3"),
        ("TENANTRY__NOPE__X", "1"),
        ("TENANTRY_PROFILE", "x"),
        ("TENANTRY__WORKER__DEAD_AFTER_MS", "3000"),
        ("DEFAULT_TENANT_FEATURES", "teleport"),
    ]);

    let keys: Vec<_> = problems.iter().map(|(key, _)| key.as_str()).collect();
    let expected = [
        "API_KEY_LENGTH",
        "DEFAULT_TENANT_FEATURES",
        "TENANTRY_PROFILE",
        "TENANTRY__NOPE__X",
        "TENANTRY__WORKER__CONCURRENCY",
        "TENANTRY__WORKER__DEAD_AFTER_MS",
    ];
    assert_eq!(keys, expected);
}

#[test]
fn values_that_contradict_each_other_are_refused() {
    let beat = "TENANTRY__WORKER__HEARTBEAT_MS";
    assert_refused(&[(beat, "7000")], beat, "default.toml:worker.dead_after_ms = 12000");
    let limit = "TENANTRY__TENANTS__DEFAULT_LIMITS__USERS";
    assert_refused(&[(limit, "10001")], limit, "max_limits.users = 10000");
    let unbounded = "TENANTRY__TENANTS__DEFAULT_LIMITS__MAX_FILES";
    assert_refused(&[(unbounded, "1")], unbounded, "tenants.max_limits.max_files");
    let (key, kept) =
        ("TENANTRY__RETENTION__IDEMPOTENCY_DAYS", "TENANTRY__RETENTION__OPERATIONS_DAYS");
    assert_refused(&[(key, "8"), (kept, "7")], key, "TENANTRY__RETENTION__OPERATIONS_DAYS = 7");
    let features = "DEFAULT_TENANT_FEATURES";
    assert_refused(&[(features, "teleport")], features, "`teleport`");
    let both = accepted(&[(features, "teleport"), ("AVAILABLE_FEATURES", "basic,teleport")]);
    assert_eq!(both.tenants.default_features, ["teleport"]);
}

#[test]
fn tenantry_profile_wins_over_the_programs_own_choice() {
    let settings = with(Profile::Production, &[("TENANTRY_PROFILE", "dev")]).unwrap();

    assert_eq!(settings.profile(), Profile::Dev);
    assert_eq!(settings.log.format, LogFormat::Text);
}

#[test]
fn the_description_has_every_key_its_source_and_no_secret() {
    let settings = accepted(&[
        ("DATABASE_URL", "postgres://u:hunter2@db/x"),
        ("TENANTRY__TENANTS__MAX_LIMITS__MAX_FILES", "9"),
    ]);

    let line = |it: &crate::Effective| format!("{} = {:?}, {}", it.key, it.value, it.source);
    let lines: Vec<_> = settings.describe().iter().map(line).collect();

    for line in [
        r#"database.url = Some("***"), env DATABASE_URL"#,
        r#"worker.concurrency = Some("4"), default.toml"#,
        r#"tenants.default_features = Some("basic,analytics"), default.toml"#,
        r#"tenants.max_limits.max_files = Some("9"), env TENANTRY__TENANTS__MAX_LIMITS__MAX_FILES"#,
        r#"tenants.max_limits.users = Some("10000"), default.toml"#,
        "keys.expires_days = None, not set",
    ] {
        assert!(lines.iter().any(|l| l == line), "{line} is not in {lines:#?}");
    }
    assert!(crate::catalogue::KEYS.iter().all(|k| lines.iter().any(|l| l.starts_with(k.path))));
    assert!(!format!("{lines:?} {settings:?}").contains("hunter2"));
}
