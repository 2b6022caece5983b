//! Which crate may depend on which.

/// Which crates a crate may depend on, in the order of the layout.
pub(super) const MAY_USE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("contract", &["domain"]),
    ("settings", &[]),
    ("telemetry", &["settings"]),
    ("keys", &["domain"]),
    ("store", &["domain", "settings"]),
    ("tenantdb", &["domain"]),
    ("queue", &["domain", "settings", "store", "telemetry"]),
    ("engine", &["domain", "queue", "store"]),
    ("operations", &["domain", "keys", "engine", "store", "telemetry", "tenantdb"]),
    ("api", &["contract", "domain", "keys", "queue", "engine", "settings", "store", "telemetry"]),
    ("doctor", &["domain", "keys", "queue", "settings", "store", "tenantdb"]),
    ("worker", WORKER_MAY_USE),
    ("localpg", &[]),
    ("cli", CLI_MAY_USE),
    // No part of the product: it measures all of it.
    ("bench", CLI_MAY_USE),
    // Nor this: the protocol as a model, checked.
    ("model", &["domain"]),
];

const WORKER_MAY_USE: &[&str] = &[
    "doctor",
    "domain",
    "keys",
    "operations",
    "queue",
    "engine",
    "settings",
    "store",
    "telemetry",
    "tenantdb",
];

/// All it starts.
const CLI_MAY_USE: &[&str] = &[
    "api",
    "contract",
    "doctor",
    "domain",
    "keys",
    "localpg",
    "operations",
    "queue",
    "engine",
    "settings",
    "store",
    "telemetry",
    "tenantdb",
    "worker",
];
