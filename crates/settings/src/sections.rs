//! The sections of the configuration, one struct each.
//!
//! `config/default.toml` tells what each key is for. The unit is in a field's name unless its type has
//! one. Ranges are in the catalogue.

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
    pub url: Option<SecretString>,
    pub url_file: Option<PathBuf>,
    pub max_connections: u32,
    pub acquire_timeout_ms: u64,
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
    pub host: String,
    pub port: u16,
    pub max_tenants_per_batch: usize,
    pub max_body_bytes: usize,
    pub max_bodies_bytes: usize,
    pub max_wait_secs: u64,
    pub max_waits_per_operator: usize,
    pub requests_per_second: u32,
    pub burst: u32,
    pub request_timeout_ms: u64,
    pub max_connections: usize,
    pub max_connections_per_address: usize,
    pub max_in_flight: usize,
    pub max_in_flight_per_operator: usize,
    pub header_timeout_ms: u64,
    pub body_timeout_ms: u64,
    pub max_header_bytes: usize,
    pub trusted_proxies: Vec<Network>,
    pub public_path: String,
}

/// The worker: how much at a time, how long, how often.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worker {
    pub host: String,
    pub port: u16,
    pub concurrency: usize,
    /// 0: see [`Worker::fleet_lanes`].
    pub fleet_lanes: usize,
    pub group_size: usize,
    pub max_attempts: u32,
    pub backoff_base_ms: u64,
    pub backoff_cap_ms: u64,
    pub stage_timeout_ms: u64,
    pub lock_timeout_ms: u64,
    pub heartbeat_ms: u64,
    pub dead_after_ms: u64,
    pub sweep_ms: u64,
    pub drain_timeout_ms: u64,
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
    pub size: u32,
    pub refill_per_second: u32,
}

/// The queue's own pool and pace.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    pub max_connections: u32,
    pub batch_size: usize,
    pub poll_ms: u64,
    pub heartbeat_ms: u64,
    pub missed_heartbeats: u32,
    pub retain_done_hours: u32,
}

/// When tenants are looked at, without being asked for.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checks {
    pub every_days: u32,
    pub per_second: u32,
}

/// How long what has ended is kept; 0 = for ever.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    pub operations_days: i32,
    pub events_days: i32,
    pub workers_days: i32,
    pub idempotency_days: i32,
}

/// What becomes of tenants that are deleted.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deletion {
    pub grace_days: u32,
    pub name_hold_days: u32,
    pub reaper: Reaper,
    pub purges_per_minute: u32,
}

/// Whether workers drop tenants whose grace is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reaper {
    On,
    /// They only log which.
    DryRun,
    Off,
}

/// What a tenant gets and may ask for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tenants {
    pub schema_prefix: String,
    pub default_features: Vec<String>,
    pub available_features: BTreeSet<String>,
    #[serde(default)]
    pub default_limits: BTreeMap<String, i64>,
    #[serde(default)]
    pub max_limits: BTreeMap<String, i64>,
    pub migrations_dir: Option<PathBuf>,
    pub migrations_format: String,
    pub migrations_may_be_empty: YesOrNo,
    /// The version at which new tenants begin.
    pub baseline: Option<String>,
    pub granted_roles: Vec<String>,
    pub extensions: Vec<String>,
    pub shared_tables: Vec<String>,
    pub shared_migrations_dir: Option<PathBuf>,
    pub shared_schema: String,
    pub connection_limit: i32,
    pub application_role: Option<String>,
    pub application_role_limit: u32,
    pub name_pattern: Option<String>,
    pub schema_name_pattern: Option<String>,
    pub domain_suffixes: Vec<String>,
    pub reserved_names: Vec<String>,
    pub batch_timeout_secs: u64,
    pub fleet_concurrency: usize,
}

/// A choice, written as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum YesOrNo {
    Yes,
    No,
}

/// API keys.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    pub prefix: String,
    pub length: usize,
    pub sealed_hours: u32,
    pub expires_days: Option<u32>,
    pub rotation_overlap_hours: u32,
    pub master_key: Option<SecretString>,
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
    pub filter: String,
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
