//! Files of the user's own.

use crate::{
    LogFormat, Profile,
    tests::{assert_refused, source_of, with, write},
};

#[test]
fn files_of_the_users_own_lie_over_the_built_in_ones() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "default.toml", "[worker]\nconcurrency = 3\n[api]\nhost = \"10.0.0.9\"\n");
    let path = dir.path().to_str().unwrap();

    let settings = with(Profile::Production, &[("TENANTRY_CONFIG_DIR", path)]).unwrap();

    assert_eq!(settings.worker.concurrency, 3);
    assert_eq!(settings.worker.max_attempts, 6);
    assert_eq!(settings.log.format, LogFormat::Json);
    assert_eq!(source_of(&settings, "worker.concurrency"), format!("{path}/default.toml"));
}

#[test]
fn a_bad_file_is_named_with_its_key_or_line() {
    let dir = tempfile::tempdir().unwrap();
    let text = "typo = 1\n[worker]\nconcurrency = \"8\"\nnope = 1\n[database]\nurl = 5\n\
                [tenants]\ndefault_features = [1]\n";
    write(dir.path(), "default.toml", text);
    write(dir.path(), "dev.toml", "[database]\nurl = \"postgres://u:hunter2@db\" oops\n");
    let path = dir.path().to_str().unwrap();

    let error =
        with(Profile::Dev, &[("TENANTRY_CONFIG_DIR", path), ("API_KEY_LENGTH", "1")]).unwrap_err();

    let keys: Vec<_> = error.problems().iter().map(|p| p.key.replace(path, "DIR")).collect();
    let expected = [
        "DIR/default.toml:database.url",
        "DIR/default.toml:tenants.default_features",
        "DIR/default.toml:typo",
        "DIR/default.toml:worker.concurrency",
        "DIR/default.toml:worker.nope",
        "DIR/dev.toml:2",
        "API_KEY_LENGTH",
    ];
    assert_eq!(keys, expected);
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn a_directory_without_the_files_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();

    assert_refused(&[("TENANTRY_CONFIG_DIR", path)], "TENANTRY_CONFIG_DIR", "no default.toml");
}
