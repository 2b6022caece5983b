//! Schemas that are there and are to become tenants.

use std::collections::BTreeMap;

use domain::Settings;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// Schemas to be imported.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportsRequest {
    /// The tenants, at most `MAX_TENANTS_PER_BATCH`, each of at most 262,144 bytes.
    #[schema(value_type = Vec<ImportRequest>, min_items = 1)]
    pub tenants: Vec<Box<RawValue>>,
}

/// A schema that is there, and the tenant that it is to become.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportRequest {
    /// What people call it, 1 to 255 characters; may repeat.
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = r"^[^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*[!-~][^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*$",
        example = "Acme Corp"
    )]
    pub tenant_name: String,
    /// Where it answers; unique in any letter case and writing.
    #[schema(min_length = 3, max_length = 254, example = "acme.example.com")]
    pub domain: String,
    /// The schema, spelled as it is.
    #[schema(min_length = 1, max_length = 63, pattern = "^[a-z_][a-z0-9_]*$", example = "acme")]
    pub schema_name: String,
    /// The version of the tenant migrations that the schema is at; `none`: nothing is applied. Left out: the newest
    /// version that makes what is in the schema.
    #[schema(min_length = 1, max_length = 100, example = "0002")]
    pub baseline: Option<String>,
    /// Objects that may differ from the baseline, as a refusal names them; `all`: any. Only with `baseline`.
    #[schema(max_items = 1000)]
    pub allow_drift: Option<Vec<String>>,
    /// Whether it is suspended from the first.
    pub suspended: Option<bool>,
    /// The SHA-256, in hexadecimal, of an API key that it has already and that goes on working; left out, it gets a
    /// new one.
    #[schema(min_length = 64, max_length = 64, pattern = "^[0-9A-Fa-f]{64}$")]
    pub api_key_sha256: Option<String>,
    /// The last characters of that key, for people.
    #[schema(min_length = 1, max_length = 4)]
    pub api_key_last4: Option<String>,
    /// What it is for, at most 4000 characters; of the control characters only tab and line ends.
    #[schema(max_length = 4000, pattern = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$")]
    pub description: Option<String>,
    /// What it may use; left out, the defaults.
    pub settings: Option<Settings>,
    /// The caller's own id for it; unique.
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[!-~][^\x00-\x1f\x7f-\x9f]*$",
        example = "cus_4711"
    )]
    pub external_id: Option<String>,
    /// What it can be selected by, as of a tenant that is made.
    pub labels: Option<BTreeMap<String, String>>,
}
