//! Every key there is: its path, its type and range, its name in the environment.
//!
//! The list is what makes an unknown key an error and lets a bad value be
//! reported under the name it was written with. A test holds it against the
//! structs of [`crate::sections`] and against `config/default.toml`.

pub(crate) mod rule;

/// What a value must be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// A whole number from `min` to `max`, both allowed.
    Number { min: i64, max: i64 },
    /// A text that the rule accepts.
    Text(Rule),
    /// A text that the rule accepts and nobody may print.
    Secret(Rule),
    /// A list of texts, each accepted by the rule; in the environment comma-separated, or as JSON.
    List(Rule),
    /// A name → whole number, none below 0.
    Limits,
}

/// What a text must be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    fits: fn(&str) -> bool,
    must: &'static str,
}

impl Rule {
    /// Says what the text must be, if it is not.
    pub(crate) fn check(self, text: &str) -> Result<(), &'static str> {
        if (self.fits)(text) { Ok(()) } else { Err(self.must) }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    /// `section.key`.
    pub(crate) path: &'static str,
    pub(crate) kind: Kind,
    /// May be left unset.
    pub(crate) optional: bool,
    /// Its name of its own in the environment, which wins over `TENANTRY__…`.
    pub(crate) env: Option<&'static str>,
    /// How many of the key's units one unit of that name is (seconds → ms: 1000).
    pub(crate) env_scale: i64,
}

impl Key {
    const fn new(path: &'static str, kind: Kind) -> Self {
        Self { path, kind, optional: false, env: None, env_scale: 1 }
    }

    const fn number(path: &'static str, min: i64, max: i64) -> Self {
        Self::new(path, Kind::Number { min, max })
    }

    const fn optional(self) -> Self {
        Self { optional: true, ..self }
    }

    const fn env(self, name: &'static str) -> Self {
        Self { env: Some(name), ..self }
    }

    const fn env_in_seconds(self, name: &'static str) -> Self {
        Self { env: Some(name), env_scale: 1000, ..self }
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self.kind, Kind::Limits)
    }
}

/// Every key, in the order of `config/default.toml`.
pub(crate) const KEYS: &[Key] = &[
    Key::new("database.url", Kind::Secret(rule::DATABASE_URL)).optional().env("DATABASE_URL"),
    Key::new("database.url_file", Kind::Text(rule::PATH)).optional().env("DATABASE_URL_FILE"),
    Key::number("database.max_connections", 2, 1000),
    Key::number("database.acquire_timeout_ms", 100, 600_000),
    Key::number("database.statement_timeout_ms", 100, 3_600_000),
    Key::new("api.host", Kind::Text(rule::HOST)),
    Key::number("api.port", 0, 65_535),
    Key::number("api.max_tenants_per_batch", 1, 100_000).env("MAX_TENANTS_PER_BATCH"),
    Key::number("api.max_body_bytes", 1024, 1 << 30),
    Key::number("api.max_bodies_bytes", 1 << 20, 1 << 36),
    Key::number("api.max_wait_secs", 0, 3600),
    Key::number("api.max_waits_per_operator", 0, 65_535),
    Key::number("api.requests_per_second", 1, 100_000),
    Key::number("api.burst", 1, 100_000),
    Key::number("api.request_timeout_ms", 100, 3_600_000),
    Key::number("api.max_connections", 1, 65_535),
    Key::number("api.max_connections_per_address", 1, 65_535),
    Key::number("api.max_in_flight", 1, 65_535),
    Key::number("api.max_in_flight_per_operator", 1, 65_535),
    Key::number("api.header_timeout_ms", 100, 600_000),
    Key::number("api.body_timeout_ms", 100, 600_000),
    Key::number("api.max_header_bytes", 1024, 1 << 20),
    Key::new("api.trusted_proxies", Kind::List(rule::NETWORK)),
    Key::new("api.public_path", Kind::Text(rule::PUBLIC_PATH)),
    Key::new("worker.host", Kind::Text(rule::HOST)),
    Key::number("worker.port", 0, 65_535),
    Key::number("worker.concurrency", 1, 256),
    Key::number("worker.fleet_lanes", 0, 255),
    Key::number("worker.group_size", 1, 64),
    Key::number("worker.max_attempts", 1, 100),
    Key::number("worker.backoff_base_ms", 1, 60_000),
    Key::number("worker.backoff_cap_ms", 1, 3_600_000),
    Key::number("worker.stage_timeout_ms", 1000, 3_600_000)
        .env_in_seconds("SCHEMA_CREATION_TIMEOUT"),
    Key::number("worker.lock_timeout_ms", 10, 3_600_000),
    Key::number("worker.heartbeat_ms", 100, 60_000),
    Key::number("worker.dead_after_ms", 500, 600_000),
    Key::number("worker.sweep_ms", 100, 600_000),
    Key::number("worker.drain_timeout_ms", 0, 3_600_000),
    Key::number("worker.connection_uses", 1, 1_000_000),
    Key::number("pool.size", 0, 10_000),
    Key::number("pool.refill_per_second", 1, 10_000),
    Key::number("queue.max_connections", 2, 100),
    Key::number("queue.batch_size", 1, 256),
    Key::number("queue.poll_ms", 50, 60_000),
    Key::number("queue.heartbeat_ms", 100, 60_000),
    Key::number("queue.missed_heartbeats", 2, 1000),
    Key::number("queue.retain_done_hours", 1, 8760),
    Key::number("checks.every_days", 0, 365),
    Key::number("checks.per_second", 1, 100),
    Key::number("retention.operations_days", 0, 36_500),
    Key::number("retention.events_days", 0, 36_500),
    Key::number("retention.workers_days", 0, 36_500),
    Key::number("retention.idempotency_days", 1, 30),
    Key::number("deletion.grace_days", 0, 365),
    Key::number("deletion.name_hold_days", 0, 3650),
    Key::new("deletion.reaper", Kind::Text(rule::REAPER)),
    Key::number("deletion.purges_per_minute", 0, 1_000_000),
    Key::new("tenants.schema_prefix", Kind::Text(rule::SCHEMA_PREFIX)).env("TENANT_SCHEMA_PREFIX"),
    Key::new("tenants.default_features", Kind::List(rule::FEATURE)).env("DEFAULT_TENANT_FEATURES"),
    Key::new("tenants.available_features", Kind::List(rule::FEATURE)).env("AVAILABLE_FEATURES"),
    Key::new("tenants.default_limits", Kind::Limits).optional(),
    Key::new("tenants.max_limits", Kind::Limits).optional(),
    Key::new("tenants.migrations_dir", Kind::Text(rule::PATH))
        .optional()
        .env("TENANT_MIGRATIONS_DIR"),
    Key::new("tenants.migrations_format", Kind::Text(rule::MIGRATIONS_FORMAT)),
    Key::new("tenants.migrations_may_be_empty", Kind::Text(rule::YES_OR_NO)),
    Key::new("tenants.baseline", Kind::Text(rule::VERSION)).optional(),
    Key::new("tenants.granted_roles", Kind::List(rule::ROLE)),
    Key::new("tenants.extensions", Kind::List(rule::EXTENSION)),
    Key::new("tenants.shared_tables", Kind::List(rule::SHARED_TABLE)),
    Key::new("tenants.shared_migrations_dir", Kind::Text(rule::PATH))
        .optional()
        .env("SHARED_MIGRATIONS_DIR"),
    Key::new("tenants.shared_schema", Kind::Text(rule::SHARED_SCHEMA)),
    Key::number("tenants.connection_limit", -1, 10_000),
    Key::new("tenants.application_role", Kind::Text(rule::ROLE)).optional(),
    Key::number("tenants.application_role_limit", 1, 1_000_000),
    Key::new("tenants.name_pattern", Kind::Text(rule::PATTERN)).optional(),
    Key::new("tenants.schema_name_pattern", Kind::Text(rule::PATTERN)).optional(),
    Key::new("tenants.domain_suffixes", Kind::List(rule::DOMAIN_SUFFIX)),
    Key::new("tenants.reserved_names", Kind::List(rule::RESERVED_NAME)),
    Key::number("tenants.batch_timeout_secs", 1, 604_800).env("BATCH_PROCESSING_TIMEOUT"),
    Key::number("tenants.fleet_concurrency", 1, 64),
    Key::new("keys.prefix", Kind::Text(rule::KEY_PREFIX)).env("API_KEY_PREFIX"),
    Key::number("keys.length", 22, 128).env("API_KEY_LENGTH"),
    Key::number("keys.sealed_hours", 1, 24),
    Key::number("keys.expires_days", 1, 36_500).optional(),
    Key::number("keys.rotation_overlap_hours", 0, 8760),
    Key::new("keys.master_key", Kind::Secret(rule::MASTER_KEY))
        .optional()
        .env("TENANTRY_MASTER_KEY"),
    Key::new("keys.master_key_previous", Kind::Secret(rule::MASTER_KEY))
        .optional()
        .env("TENANTRY_MASTER_KEY_PREVIOUS"),
    Key::new("log.filter", Kind::Text(rule::FILTER)),
    Key::new("log.format", Kind::Text(rule::LOG_FORMAT)),
];

/// The key a path names, and the entry below it for a map.
pub(crate) fn find(path: &str) -> Option<(&'static Key, Option<&str>)> {
    if let Some(key) = KEYS.iter().find(|key| key.path == path) {
        return Some((key, None));
    }
    let (parent, entry) = path.rsplit_once('.')?;
    let key = KEYS.iter().find(|key| key.is_map() && key.path == parent)?;
    rule::is_name(entry).then_some((key, Some(entry)))
}

/// What an author who wrote `path` might have meant, for the end of a message.
pub(crate) fn hint(path: &str) -> String {
    let section = path.split('.').next().unwrap_or_default();
    let siblings: Vec<_> =
        KEYS.iter().filter_map(|k| k.path.strip_prefix(section)?.strip_prefix('.')).collect();
    if siblings.is_empty() {
        let mut sections: Vec<_> = KEYS.iter().filter_map(|k| k.path.split('.').next()).collect();
        sections.dedup();
        format!("no such section; there are: {}", sections.join(", "))
    } else {
        format!("no such key; `{section}` has: {}", siblings.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::DEFAULT_FILE;

    /// The comment lines right above the key's own line.
    fn comment_of(key: &Key) -> Option<String> {
        let (section, name) = key.path.split_once('.').unwrap();
        let header = if key.is_map() { key.path } else { section };
        let (header, set, unset) =
            (format!("[{header}]"), format!("{name} = "), format!("# {name} = "));
        let lines = DEFAULT_FILE.1.lines();
        let before: Vec<_> = if key.is_map() {
            lines.take_while(|line| *line != header).collect()
        } else {
            let below = lines.skip_while(|line| *line != header);
            below.take_while(|line| !line.starts_with(&set) && !line.starts_with(&unset)).collect()
        };
        let above = before.iter().rev().take_while(|l| l.starts_with("# ") && !l.contains(" = "));
        let own: Vec<_> = above.copied().collect();
        (!own.is_empty()).then(|| own.into_iter().rev().collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn every_key_stands_in_the_default_file_below_a_comment() {
        let bare: Vec<_> = KEYS.iter().filter(|k| comment_of(k).is_none()).collect();

        assert!(bare.is_empty(), "{bare:?}");
    }

    #[test]
    fn a_name_of_its_own_is_told_beside_its_key() {
        for (key, name) in KEYS.iter().filter_map(|key| Some((key, key.env?))) {
            let comment = comment_of(key).unwrap();

            assert!(comment.contains(&format!("Environment: {name}")), "{name}: {comment}");
        }
    }

    #[test]
    fn a_range_in_the_default_file_is_the_range_that_is_checked() {
        for key in KEYS {
            let Kind::Number { min, max } = key.kind else { continue };
            let comment = comment_of(key).unwrap();

            assert!(comment.contains(&format!("{min}–{max}")), "{}: {comment}", key.path);
        }
    }

    #[test]
    fn a_path_of_a_maps_entry_names_the_map_and_the_entry() {
        let (key, entry) = find("tenants.max_limits.users").unwrap();

        assert_eq!((key.path, entry), ("tenants.max_limits", Some("users")));
        assert!(find("tenants.max_limits.Max-Users").is_none());
        assert!(find("worker.concurrency.more").is_none());
    }
}
