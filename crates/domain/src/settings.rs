//! What a tenant may use.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// What a tenant may use: complete, with every default filled in.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Settings {
    /// Features that are on, each once, in the caller's order.
    #[serde(default)]
    pub features: Vec<String>,
    /// Limits by name, like `max_users`.
    #[serde(default)]
    pub limits: BTreeMap<String, i64>,
    /// The caller's own data, kept as it is.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
}
