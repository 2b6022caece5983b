//! `tenantry-api` as a process: how it starts, answers and ends.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

#[path = "support/broken_tls.rs"]
mod broken_tls;

/// 32 bytes in hex, for tests only.
const MASTER_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// How long a process gets for what takes it milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenantry-api"));
    command.env_clear().args(["--port", "0", "--host", "127.0.0.1"]).stdin(Stdio::null());
    command
}

fn refused(env: &[(&str, &str)]) -> String {
    let output = command().envs(env.iter().copied()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_bad_or_missing_setting_stops_the_start_and_is_named() {
    let url = ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing");
    let key = ("TENANTRY_MASTER_KEY", MASTER_KEY);

    let bad = refused(&[url, key, ("API_KEY_LENGTH", "short")]);
    let unknown = refused(&[url, key, ("TENANTRY__API__COLOUR", "red")]);
    let no_url = refused(&[key]);
    let no_key = refused(&[url]);

    assert!(bad.contains("API_KEY_LENGTH"), "{bad}");
    assert!(unknown.contains("TENANTRY__API__COLOUR"), "{unknown}");
    assert!(no_url.contains("DATABASE_URL"), "{no_url}");
    assert!(no_key.contains("TENANTRY_MASTER_KEY"), "{no_key}");
}

/// Ends the process even when an assertion fails.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Fails when it has ended, as it should have.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn ready(path: &Path, process: &mut Process) -> Value {
    let started = Instant::now();
    loop {
        if let Ok(text) = fs::read_to_string(path) {
            return serde_json::from_str(&text).unwrap();
        }
        let ended = process.0.try_wait().unwrap();
        assert!(ended.is_none() && started.elapsed() < PATIENCE, "not ready: {ended:?}");
        std::thread::yield_now();
    }
}

fn get(url: &str, path: &str) -> String {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_when_it_answers_refuses_strangers_and_ends_on_sigterm() {
    let db = harness::fresh_db().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ready.json");
    let mut process = Process(
        command()
            .env("DATABASE_URL", &db.url)
            .env("TENANTRY_MASTER_KEY", MASTER_KEY)
            .arg("--ready-file")
            .arg(&file)
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );

    let ready = ready(&file, &mut process);
    let url = ready["url"].as_str().unwrap();
    let (readyz, api) = (get(url, "/readyz"), get(url, "/api/v1/tenants"));
    kill(Pid::from_raw(process.0.id().cast_signed()), Signal::SIGTERM).unwrap();
    let ended = process.0.wait().unwrap();

    assert_eq!(ready["pid"], process.0.id());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(readyz, "HTTP/1.1 200 OK");
    assert_eq!(api, "HTTP/1.1 401 Unauthorized");
    assert_eq!(ended.code(), Some(0));
}

/// Posts `body` and reads the answer.
fn post(url: &str, token: &str, body: &str) -> String {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /api/v1/tenants/batch HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         prefer: wait=40\r\nauthorization: Bearer {token}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The most memory that the process ever had, in MiB.
fn peak_mib(process: &Process) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.0.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn twelve_hostile_megabytes_take_bounded_memory_and_a_short_answer() {
    const SIZE: usize = 12 << 20;
    let db = harness::fresh_db().await;
    let token = keys::OperatorToken::mint();
    let hash = token.hash();
    let mut conn = db.pool.acquire().await.unwrap();
    let operator = domain::Role::Operator;
    let new = store::operators::NewOperator {
        name: "olga",
        role: operator,
        hash: &hash,
        expires_at: None,
    };
    store::operators::create(&mut conn, new).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ready.json");
    let env = [("DATABASE_URL", db.url.as_str()), ("TENANTRY_MASTER_KEY", MASTER_KEY)];
    let mut command = command();
    command.envs(env).arg("--ready-file").arg(&file).stderr(Stdio::null());
    let mut process = Process(command.spawn().unwrap());
    let ready = ready(&file, &mut process);
    let url = ready["url"].as_str().unwrap();
    let item = |n: usize, rest: &str| format!("{{\"tenant_name\":\"{n}\",{rest}}}");
    let features = |n: usize| format!("\"settings\":{{\"features\":[{}7]}}", "\"\",".repeat(n));
    let unknown = |n: usize| (0..n).map(|n| format!("\"{n}\":0,")).collect::<String>() + "\"x\":0";

    for tenants in [
        item(0, &features(SIZE / 3)),
        item(0, &unknown(SIZE / 11)),
        item(0, &format!("\"x\":\"{}\"", "\\n".repeat(SIZE / 2))),
        (0..SIZE / 262_000).map(|n| item(n, &features(87_000)) + ",").collect::<String>() + "1",
        "1,".repeat(SIZE / 2) + "1",
    ] {
        let answer = post(url, token.expose(), &format!("{{\"tenants\":[{tenants}]}}"));

        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(["200", "413"].contains(&status), "{}", &answer[..answer.len().min(500)]);
        assert!(answer.len() < 65_536, "{} bytes", answer.len());
        assert!(peak_mib(&process) < 150, "{} MiB", peak_mib(&process));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preferred_tls_that_fails_is_done_without_and_logged() {
    let db = harness::fresh_db().await;
    let url = broken_tls::before(&db).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ready.json");
    let log = folder.path().join("log");
    let mut process = Process(
        command()
            .env("DATABASE_URL", &url)
            .env("TENANTRY_MASTER_KEY", MASTER_KEY)
            .arg("--ready-file")
            .arg(&file)
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap(),
    );

    let ready = ready(&file, &mut process);
    let readyz = get(ready["url"].as_str().unwrap(), "/readyz");

    assert_eq!(readyz, "HTTP/1.1 200 OK");
    let log = fs::read_to_string(log).unwrap();
    assert_eq!(log.matches("not encrypted, because TLS failed").count(), 1, "{log}");
}
