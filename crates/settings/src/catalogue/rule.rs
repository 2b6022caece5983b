//! The rules of texts.

use super::Rule;

const fn rule(fits: fn(&str) -> bool, must: &'static str) -> Rule {
    Rule { fits, must }
}

pub(crate) const DATABASE_URL: Rule = rule(
    |text| ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)),
    "must start with postgres:// or postgresql://",
);

/// 32 bytes: 64 in hex, 43 or with padding 44 in base64. `keys` decodes it.
pub(super) const MASTER_KEY: Rule = rule(
    |text| matches!(text.len(), 43 | 44 | 64) && is_of(text, b"+/-_="),
    "must be 32 bytes in hex (64 characters) or base64 (44 characters)",
);

pub(super) const HOST: Rule = rule(
    |text| !text.is_empty() && is_of(text, b".-:"),
    "must be an IP address or a host name, without a port",
);

pub(super) const NETWORK: Rule = rule(
    |text| crate::network::Network::parse(text).is_some(),
    "must be IP addresses or networks such as 10.0.0.0/8",
);

pub(super) const PUBLIC_PATH: Rule = rule(
    |text| {
        let fits = text.len() <= 200 && is_of(text, b"-._~/") && !text.contains("//");
        text.is_empty() || fits && text.starts_with('/') && !text.ends_with('/')
    },
    "must be empty or a path such as /tenantry, without a slash at its end",
);

pub(super) const SCHEMA_PREFIX: Rule = rule(
    |text| is_identifier(text) && text.len() <= 20 && !text.starts_with("pg_"),
    "must be [a-z_][a-z0-9_]*, at most 20 bytes, and not start with pg_",
);

pub(super) const FEATURE: Rule = rule(
    |text| is_name(&text.replace('-', "_")) && text.len() <= 64,
    "must be names of [a-z0-9_-]+, at most 64 bytes each",
);

pub(super) const PATH: Rule =
    rule(|text| !text.is_empty() && !text.contains('\0'), "must be a path");

/// As a whole, which is how names are matched: a comment at its end would hide our own end.
pub(super) const PATTERN: Rule = rule(
    |text| regex::Regex::new(&format!(r"\A(?:{text})\z")).is_ok(),
    "must be a regular expression, as the crate regex reads it",
);

pub(super) const DOMAIN_SUFFIX: Rule = rule(
    |text| {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let is_label = |label: &str| !label.is_empty() && label.bytes().all(allowed);
        text.len() <= 253 && text.split('.').all(is_label)
    },
    "must be domains such as customers.example.com, in lower case; xn--… for others",
);

pub(super) const RESERVED_NAME: Rule = rule(
    |text| !text.is_empty() && text.chars().count() <= 255,
    "must be names of at most 255 characters",
);

pub(super) const KEY_PREFIX: Rule =
    rule(|text| is_name(text) && text.len() <= 16, "must be [a-z0-9_]+, at most 16 bytes");

pub(super) const FILTER: Rule = rule(
    |text| !text.trim().is_empty(),
    "must be a level (error, warn, info, debug, trace) or target=level,…",
);

pub(super) const LOG_FORMAT: Rule =
    rule(|text| matches!(text, "text" | "json"), "must be \"text\" or \"json\"");

pub(super) const YES_OR_NO: Rule = rule(|text| matches!(text, "yes" | "no"), "must be yes or no");

pub(super) const REAPER: Rule =
    rule(|text| matches!(text, "on" | "dry_run" | "off"), "must be \"on\", \"dry_run\" or \"off\"");

/// `auto`, or a name of `tenantdb::migrations::Format`.
pub(super) const MIGRATIONS_FORMAT: Rule = rule(
    |text| {
        "auto dated sqlx golang-migrate dbmate goose sql-migrate flyway diesel prisma by-name"
            .split(' ')
            .any(|known| known == text)
    },
    "must be auto, dated, sqlx, golang-migrate, dbmate, goose, sql-migrate, flyway, diesel, \
     prisma or by-name",
);

pub(super) const VERSION: Rule = rule(
    |text| (1..=100).contains(&text.chars().count()),
    "must be a version of 1 to 100 characters, as its file spells it",
);

pub(super) const ROLE: Rule = rule(
    |text| (1..=63).contains(&text.len()) && !text.contains('\0'),
    "must be names of roles, of 1 to 63 bytes",
);

pub(super) const EXTENSION: Rule = rule(
    |text| is_identifier(&text.replace('-', "_")) && !text.starts_with('-') && text.len() <= 63,
    "must be names of extensions, such as citext or uuid-ossp",
);

/// PostgreSQL's or Tenantry's own.
fn is_taken(schema: &str) -> bool {
    matches!(schema, "tenantry" | "apalis" | "tenantry_extensions" | "information_schema")
        || schema.starts_with("pg_")
        || schema.starts_with("tenantry_spare_")
}

pub(super) const SHARED_SCHEMA: Rule = rule(
    |text| is_identifier(text) && text.len() <= 63 && !is_taken(text),
    "must be a schema, such as public, in lower case, and not one of PostgreSQL's or Tenantry's own",
);

pub(super) const SHARED_TABLE: Rule = rule(
    |text| {
        let fits = |name: &str| is_identifier(name) && name.len() <= 63;
        text.split_once('.')
            .is_some_and(|(schema, table)| fits(schema) && fits(table) && !is_taken(schema))
    },
    "must be tables as schema.table, such as public.countries, in lower case, and not in a \
     schema of PostgreSQL's or Tenantry's own",
);

/// Whether it is of ASCII letters, digits and `others`.
fn is_of(text: &str, others: &[u8]) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || others.contains(&b))
}

/// `[a-z0-9_]+`
pub(super) fn is_name(text: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    !text.is_empty() && text.bytes().all(is_word)
}

/// `[a-z_][a-z0-9_]*`
fn is_identifier(text: &str) -> bool {
    is_name(text) && !text.starts_with(|c: char| c.is_ascii_digit())
}
