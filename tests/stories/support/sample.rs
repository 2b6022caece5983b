//! Tenants to ask for.

use serde_json::{Value, json};

/// A good tenant that is like no other of its batch.
pub(crate) fn tenant(number: usize) -> Value {
    json!({
        "tenant_name": format!("Tenant {number}"),
        "domain": format!("t{number}.example.com"),
    })
}

/// Good tenants, numbered from 0.
pub(crate) fn tenants(count: usize) -> Vec<Value> {
    (0..count).map(tenant).collect()
}
