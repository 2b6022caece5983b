//! What a tenant may use.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What a tenant may use: complete, with every default filled in.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Settings {
    /// Features that are on, each once, in the caller's order.
    #[serde(default)]
    pub features: Vec<String>,
    /// Limits by name, like `users`.
    #[serde(default)]
    pub limits: BTreeMap<String, i64>,
    /// The caller's own data, kept as it is: at most 64 KiB, at most 100 levels deep. A number has
    /// at most 400 digits without an exponent and comes back with the same decimal value.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub metadata: Metadata,
}

/// A JSON object as it was sent: no number in it has lost a digit.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metadata(Box<RawValue>);

impl Metadata {
    /// The object `text`, which was found to be one.
    pub(crate) fn of(text: &RawValue) -> Self {
        Self(text.to_owned())
    }

    /// The object as JSON.
    #[must_use]
    pub fn as_json(&self) -> &str {
        self.0.get()
    }
}

impl Default for Metadata {
    fn default() -> Self {
        Self(RawValue::from_string("{}".to_owned()).expect("an empty object is JSON"))
    }
}

impl PartialEq for Metadata {
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}
