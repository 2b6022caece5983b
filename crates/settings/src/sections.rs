//! The sections of the configuration, one struct each.
//!
//! The unit is in a field's name unless its type has one. Ranges are in the
//! catalogue; what each key is for, at length, in `config/default.toml`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use secrecy::SecretString;
use serde::Deserialize;

use crate::{catalogue, error::SettingsError, network::Network};

/// The control database and one process's share of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Where it is, `postgres://…`; absent until somebody needs it.
    pub url: Option<SecretString>,
    /// A file that holds the URL, read anew for new connections; absent when `url` is set.
    pub url_file: Option<PathBuf>,
    /// Connections one process may hold open, besides the queue's own.
    pub max_connections: u32,
    /// Longest wait for a free connection, in milliseconds.
    pub acquire_timeout_ms: u64,
    /// Longest time for one statement outside a stage, in milliseconds.
    pub statement_timeout_ms: u64,
}

impl Database {
    /// The URL of the control database, if it is set; read from its file at each call.
    ///
    /// # Errors
    /// The file cannot be read, or holds another text.
    pub fn read_url(&self) -> Result<Option<SecretString>, SettingsError> {
        let Some(path) = &self.url_file else { return Ok(self.url.clone()) };
        let unusable =
            |reason: String| SettingsError::UrlFile { path: path.display().to_string(), reason };
        let text = fs::read_to_string(path).map_err(|e| unusable(e.to_string()))?;
        catalogue::rule::DATABASE_URL
            .check(text.trim())
            .map_err(|must| unusable(must.to_owned()))?;
        Ok(Some(text.trim().into()))
    }

    /// As [`Database::read_url`], for a process that cannot do without.
    ///
    /// # Errors
    /// As there; or neither `DATABASE_URL` nor `DATABASE_URL_FILE` is set.
    pub fn require_url(&self) -> Result<SecretString, SettingsError> {
        self.read_url()?.ok_or(SettingsError::Missing {
            key: "DATABASE_URL",
            hint: "the control database, postgres://user:password@host/name",
        })
    }
}

/// The HTTP API.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// Address to listen on: an IP address or a host name.
    pub host: String,
    /// TCP port to listen on; 0 = any free one.
    pub port: u16,
    /// Most tenants in one batch.
    pub max_tenants_per_batch: usize,
    /// Largest request body, in bytes.
    pub max_body_bytes: usize,
    /// Bytes of request bodies in memory at a time, in the whole process.
    pub max_bodies_bytes: usize,
    /// Longest wait a caller may ask for with `Prefer: wait=N`, in seconds.
    pub max_wait_secs: u64,
    /// Calls of one operator that wait by `Prefer: wait` at a time.
    pub max_waits_per_operator: usize,
    /// Requests per second one operator may make on average.
    pub requests_per_second: u32,
    /// Requests one operator may make at once before that average counts.
    pub burst: u32,
    /// Longest time for one request, in milliseconds; what it waits by
    /// `Prefer: wait` is not counted.
    pub request_timeout_ms: u64,
    /// Connections served at a time; who comes on top is told to come back.
    pub max_connections: usize,
    /// Connections of one address served at a time; a trusted proxy has no such limit.
    pub max_connections_per_address: usize,
    /// Calls below `/api` worked on at a time; those on top are told to come back.
    pub max_in_flight: usize,
    /// Calls of one operator worked on at a time.
    pub max_in_flight_per_operator: usize,
    /// Longest time for a request's head to arrive, and for a connection to
    /// stay open between two requests, in milliseconds.
    pub header_timeout_ms: u64,
    /// Longest pause between two pieces of a request's body, in milliseconds.
    pub body_timeout_ms: u64,
    /// Largest request head (request line and headers), in bytes.
    pub max_header_bytes: usize,
    /// Networks of proxies that name the client's address in `X-Forwarded-For` or `Forwarded`.
    pub trusted_proxies: Vec<Network>,
    /// Path that a proxy puts before every path of the API, such as `/tenantry`; may be empty.
    pub public_path: String,
}

/// The worker: how much at a time, how long, how often.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worker {
    /// Address of the health and metrics page: an IP address or a host name.
    pub host: String,
    /// TCP port of that page; 0 = any free one.
    pub port: u16,
    /// Transactions that one worker has in work at a time.
    pub concurrency: usize,
    /// How many of them may be about tenants that are there; 0: see [`Worker::fleet_lanes`].
    pub fleet_lanes: usize,
    /// Tenants that one of these transactions makes, at most.
    pub group_size: usize,
    /// Tries for one tenant before it is given up.
    pub max_attempts: u32,
    /// Where the wait between two tries doubles from, in milliseconds.
    pub backoff_base_ms: u64,
    /// Longest wait between two tries, in milliseconds.
    pub backoff_cap_ms: u64,
    /// Longest time for one stage, in milliseconds.
    pub stage_timeout_ms: u64,
    /// Longest wait for a lock inside a stage, in milliseconds.
    pub lock_timeout_ms: u64,
    /// Between two signs of life of a worker, in milliseconds.
    pub heartbeat_ms: u64,
    /// Silence after which a worker counts as dead, in milliseconds; at least
    /// twice `heartbeat_ms`, so that one lost heartbeat kills nobody.
    pub dead_after_ms: u64,
    /// Between two searches for tenants nobody works on, in milliseconds.
    pub sweep_ms: u64,
    /// Longest time running stages get to finish after SIGTERM, in milliseconds.
    pub drain_timeout_ms: u64,
    /// Tenants after which a connection is replaced: a backend's catalogue
    /// caches grow with every schema it touches (800 tenants made one 500 MB).
    pub connection_uses: u32,
}

impl Worker {
    /// Items of tenants that are there (migrations) that this worker has in work at a time: half of
    /// `concurrency` unless it is set, one at least.
    #[must_use]
    pub fn fleet_lanes(&self) -> usize {
        if self.fleet_lanes == 0 { (self.concurrency / 2).max(1) } else { self.fleet_lanes }
    }
}

/// Tenants built in advance.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Spare tenants that idle workers keep ready; 0 = none, and what is left is removed.
    pub size: u32,
    /// Spare tenants that are built in a second, at most.
    pub refill_per_second: u32,
}

/// The queue's own pool and pace.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// Connections of the queue's own pool.
    pub max_connections: u32,
    /// Jobs fetched at once.
    pub batch_size: usize,
    /// Between two looks at the queue when no notification came, in milliseconds.
    pub poll_ms: u64,
    /// Between two signs of life of a consumer, in milliseconds.
    pub heartbeat_ms: u64,
    /// Heartbeats a consumer may miss before its jobs go to another.
    pub missed_heartbeats: u32,
    /// How long finished jobs are kept, in hours.
    pub retain_done_hours: u32,
}

/// How long what has ended is kept; 0 = for ever.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Ended batches with their items, in days.
    pub operations_days: i32,
    pub events_days: i32,
    /// Workers that have stopped, in days.
    pub workers_days: i32,
    /// Idempotency keys, in days; at most `operations_days`.
    pub idempotency_days: i32,
}

/// What a tenant gets and may ask for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tenants {
    /// Start of a schema's name when the caller gives none.
    pub schema_prefix: String,
    /// Features of a tenant whose request names none; all of them available ones.
    pub default_features: Vec<String>,
    /// Features a request may name.
    pub available_features: BTreeSet<String>,
    /// Limits of a tenant whose request names none, by name.
    #[serde(default)]
    pub default_limits: BTreeMap<String, i64>,
    /// Highest limit a request may name, by name.
    #[serde(default)]
    pub max_limits: BTreeMap<String, i64>,
    /// Folder of tenant migrations; none = the built-in ones.
    pub migrations_dir: Option<PathBuf>,
    /// Format of that folder; `auto` = the one that its files have.
    pub migrations_format: String,
    /// Whether a folder without any migration is no mistake: tenants are to have no tables.
    pub migrations_may_be_empty: YesOrNo,
    /// Roles that a migration may give rights to; empty = any named role.
    pub granted_roles: Vec<String>,
    /// Extensions whose types and functions every tenant may use.
    pub extensions: Vec<String>,
    /// Tables as `schema.table` that every tenant may read, and its migrations may reference.
    pub shared_tables: Vec<String>,
    /// Connections a tenant's role may hold open; -1 = no limit.
    pub connection_limit: i32,
    /// Role of the application, which may become any tenant by SET ROLE.
    pub application_role: Option<String>,
    /// Tenants that it may become.
    pub application_role_limit: u32,
    /// Regular expression that a tenant's name has to match as a whole.
    pub name_pattern: Option<String>,
    /// Regular expression that a schema name in a request has to match as a whole.
    pub schema_name_pattern: Option<String>,
    /// Domains that a tenant's domain is, or lies below; empty = any.
    pub domain_suffixes: Vec<String>,
    /// Names that no tenant, no schema and no first label of a domain has, in any letter case.
    pub reserved_names: Vec<String>,
    /// Time a batch has before what is left of it is failed, in seconds.
    pub batch_timeout_secs: u64,
    /// Tenants that `tenantry migrate tenant up` and `down` work on at a time.
    pub fleet_concurrency: usize,
}

/// A choice, written as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum YesOrNo {
    /// It is so.
    Yes,
    /// It is not.
    No,
}

/// API keys.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// Start of every API key.
    pub prefix: String,
    /// Random base62 characters of an API key.
    pub length: usize,
    /// How long an issued key can be revealed, in hours.
    pub sealed_hours: u32,
    /// Life of an API key, in days; none = it does not expire.
    pub expires_days: Option<u32>,
    /// How long the old key stays valid after a rotation, in hours.
    pub rotation_overlap_hours: u32,
    /// Key that seals unacknowledged API keys, as it was written.
    pub master_key: Option<SecretString>,
    /// The master key before that one, while it is rolled.
    pub master_key_previous: Option<SecretString>,
}

impl Keys {
    /// The key that seals API keys, as it was written: hex or base64.
    ///
    /// # Errors
    /// `TENANTRY_MASTER_KEY` is not set.
    pub fn require_master_key(&self) -> Result<&SecretString, SettingsError> {
        self.master_key.as_ref().ok_or(SettingsError::Missing {
            key: "TENANTRY_MASTER_KEY",
            hint: "32 random bytes in base64 or hex, the same for every process; \
                   `openssl rand -base64 32` makes one",
        })
    }
}

/// What is logged, and how.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// A level, or comma-separated `target=level`, as tracing's `EnvFilter` reads it.
    pub filter: String,
    /// Form of a line.
    pub format: LogFormat,
}

/// Form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}
