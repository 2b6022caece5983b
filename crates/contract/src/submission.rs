//! What is asked for, and what a dry run says of it. The API reads tenants to be made item by item, so a
//! wrong one harms no other.

use std::collections::BTreeMap;

use domain::{Delete, Direction, RevokeKeys, RotateKeys, Selector, Settings, Suspend, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::ItemError;

/// A batch to be made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// The tenants, at most `MAX_TENANTS_PER_BATCH`, each of at most 262,144 bytes.
    #[schema(value_type = Vec<TenantRequest>, min_items = 1)]
    pub tenants: Vec<Box<RawValue>>,
    /// How they hang together: `independent` without it.
    #[schema(value_type = Option<domain::Mode>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// When to start: in the future, within 30 days; without it at once.
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_at: Option<String>,
}

/// What a submission would come to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DryRun {
    /// How many tenants were sent.
    pub tenants: usize,
    /// How many of them would be refused.
    pub bad: usize,
    /// All of them, by index.
    pub rows: Vec<DryRunRow>,
}

/// What one tenant would come to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DryRunRow {
    /// Its place in the request, from 0.
    pub index: u32,
    /// Its name as asked for.
    pub tenant_name: Option<String>,
    /// Its domain, as it would be reserved or as asked for.
    pub domain: Option<String>,
    /// Its schema. One that was left out ends with the tenant's id, which is another one when it is submitted.
    pub schema_name: Option<String>,
    /// Why it would be refused; null when it would not.
    pub error: Option<ItemError>,
}

/// A tenant to be made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantRequest {
    /// What people call it, 1 to 255 characters; may repeat. White space around this and the other
    /// names is taken off.
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = r"^[^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*[!-~][^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*$",
        example = "Acme Corp"
    )]
    pub tenant_name: String,
    /// Where it answers; unique in any letter case and writing. A host name of at least two labels,
    /// in ASCII or in Unicode (IDNA); no IP address.
    #[schema(min_length = 3, max_length = 254, example = "acme.example.com")]
    pub domain: String,
    /// Its schema, `[a-z_][a-z0-9_]*`, at most 63 bytes; left out, it is derived from the name.
    #[schema(
        min_length = 1,
        max_length = 63,
        pattern = "^[A-Za-z_][A-Za-z0-9_]*$",
        example = "tenant_acme"
    )]
    pub schema_name: Option<String>,
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
    /// What it can be selected by: at most 32 pairs. A key is `[a-z0-9]`, with `._/-` inside, of at most 63
    /// characters; a value has at most 63.
    pub labels: Option<BTreeMap<String, String>>,
}

/// A JSON merge patch (RFC 7396) over a tenant, with one field at least. A field that is left out stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
pub struct TenantPatch {
    /// What people call it, 1 to 255 characters.
    #[schema(
        min_length = 1,
        max_length = 255,
        nullable = false,
        pattern = r"^[^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*[!-~][^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*$"
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_name: Option<String>,
    /// Where it answers; unique.
    #[schema(min_length = 3, max_length = 254, nullable = false, example = "acme.example.com")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// The caller's own id for it; unique. `null` removes it.
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[!-~][^\x00-\x1f\x7f-\x9f]*$"
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<Option<String>>,
    /// What it is for, at most 4000 characters. `null` removes it.
    #[schema(max_length = 4000, pattern = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Option<String>>,
    /// What it may use, merged into what it has. What `null` removes gets its default back.
    #[schema(value_type = Option<Settings>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<Box<RawValue>>,
    /// Labels, merged into those it has. `null` removes one, or all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, Option<String>>>,
}

/// A line of a list of changes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantUpdate {
    /// The tenant.
    pub id: TenantId,
    /// What is to be changed of it.
    pub patch: TenantPatch,
}

/// What is to be done with tenants that are there: those of `tenants`, or those that `selector` fits.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OperationRequest {
    /// What is to be done: `migrate`, `update`, `suspend`, `resume`, `rotate_keys`, `revoke_keys`, `delete` or
    /// `undelete`.
    #[schema(
        pattern = "^(migrate|update|suspend|resume|rotate_keys|revoke_keys|delete|undelete)$"
    )]
    pub kind: String,
    /// These tenants.
    #[schema(min_items = 1)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenants: Option<Vec<TenantId>>,
    /// The tenants that all of it fits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,
    /// What the kind has to know; of `migrate` and `update` it must be there, and `resume` and `undelete` have
    /// none.
    #[schema(value_type = Option<OperationParams>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub params: Option<OperationParams>,
    /// How it is to be carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<crate::OperationPolicy>,
    /// When to start (RFC 3339), within 30 days; left out, at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_at: Option<String>,
    /// Only say which tenants it would be about.
    #[schema(value_type = Option<bool>)]
    #[serde(default)]
    pub dry_run: bool,
    /// The digest that the dry run answered: another kind, other params and other tenants are refused. With `selector` it must be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// What a kind has to know.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum OperationParams {
    /// Kind `migrate`.
    Migrate(MigrateParams),
    /// Kind `update`.
    Update(UpdateParams),
    /// Kind `suspend`.
    Suspend(Suspend),
    /// Kind `delete`.
    Delete(Delete),
    /// Kind `rotate_keys`.
    RotateKeys(RotateKeys),
    /// Kind `revoke_keys`.
    RevokeKeys(RevokeKeys),
}

/// What `update` has to know.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateParams {
    /// What is to be changed of every tenant: no `tenant_name`, `domain` or `external_id`, which are of one.
    pub patch: TenantPatch,
}

/// What `migrate` has to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MigrateParams {
    /// Which way.
    pub direction: Direction,
    /// The hash of the set of migrations; left out, the set that the workers have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<String>,
    /// Of a way down: the version to go back to, which stays; `none`: before the first. Left out, the newest
    /// migration is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Migrate tenants too whose schema the last look found other than their migrations make it; without it,
    /// such an item fails with `schema_drifted`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_drift: bool,
}

/// What is answered where there is no operation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum NoOperation {
    /// It was a dry run.
    Selection(Selection),
    /// No tenant needs it.
    NothingToDo(NothingToDo),
}

/// The tenants that an operation would be about.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Selection {
    /// How many they are.
    pub tenants: u64,
    /// Names the kind, its params and exactly these tenants: a request that differs has another digest.
    pub digest: String,
    /// The first 20, by id.
    pub sample: Vec<SampledTenant>,
    /// Of a rollout, its waves: the digest names them and their tenants too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waves: Option<Vec<crate::PlannedWave>>,
}

/// A tenant of a selection.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SampledTenant {
    /// Its id.
    pub tenant_id: TenantId,
    /// Its name.
    pub tenant_name: String,
}

/// Every tenant is up to date: no operation was made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NothingToDo {
    /// Always null.
    #[schema(value_type = Option<Value>)]
    pub operation: Option<()>,
    /// Tenants that were asked for and have all of it already; 0 when no tenant was selected.
    pub up_to_date: u64,
}
