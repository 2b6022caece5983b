//! API keys, of a batch and of a tenant. What has a secret has no `Debug`: it cannot be printed by mistake.

use std::fmt;

use chrono::{DateTime, Utc};
use domain::{OperationId, TenantId, TenantState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::OpenEnum;

/// Keys and their secrets, of a batch or of a tenant.
#[derive(Default, Serialize, Deserialize, ToSchema)]
pub struct RevealedKeys {
    /// In the order they were issued. Empty once acknowledged or expired.
    pub keys: Vec<RevealedKey>,
    /// Keys that this API cannot open, and why; left out when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<UnreadableKey>,
    /// Where the next page starts; left out on the last, and without `limit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A key that cannot be shown.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct UnreadableKey {
    /// Whose it is.
    pub tenant_id: TenantId,
    /// What people call it.
    pub tenant_name: String,
    /// Why it cannot be shown, and what to do.
    pub reason: String,
}

/// A tenant's key.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct RevealedKey {
    /// Whose it is.
    pub tenant_id: TenantId,
    /// What people call it.
    pub tenant_name: String,
    /// Where the tenant answers, in A-label form.
    #[serde(default)]
    pub domain: Option<String>,
    /// The caller's own id for the tenant.
    #[serde(default)]
    pub external_id: Option<String>,
    /// The tenant's index in the operation that issued the key; null for a key that was issued by itself.
    #[serde(default)]
    pub index: Option<u32>,
    /// The key.
    pub api_key: String,
}

/// What was acknowledged of an operation. That of a batch is read as one too.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct OperationAcknowledged {
    /// Whose keys they are.
    #[serde(alias = "batch_id")]
    pub operation_id: OperationId,
    /// How many secrets were erased by this call.
    pub acknowledged: usize,
}

impl From<OperationAcknowledged> for Acknowledged {
    fn from(it: OperationAcknowledged) -> Self {
        Self { batch_id: it.operation_id, acknowledged: it.acknowledged }
    }
}

/// What was acknowledged of a batch.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Acknowledged {
    /// Whose keys they are.
    pub batch_id: OperationId,
    /// How many secrets were erased by this call.
    pub acknowledged: usize,
}

/// What was acknowledged of one tenant.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TenantAcknowledged {
    /// Whose keys they are.
    pub tenant_id: TenantId,
    /// How many secrets were erased by this call.
    pub acknowledged: u64,
}

/// A tenant's API key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = TenantKey)]
pub struct ApiKey {
    /// The key's id.
    #[schema(minimum = 1)]
    pub key_id: i64,
    /// What the key begins with.
    #[schema(example = "tk_acme_")]
    pub prefix: String,
    /// The last four characters of the key.
    pub last4: String,
    /// Whether the key is good.
    #[schema(value_type = KeyStatus)]
    pub status: OpenEnum<KeyStatus>,
    /// When it was issued.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself; null: never.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked; null if it was not.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Its last use at `POST /keys/verify`, to the minute; null if there was none.
    pub last_used_at: Option<DateTime<Utc>>,
    /// Until when the secret can be revealed; null if it cannot.
    pub revealable_until: Option<DateTime<Utc>>,
}

/// Whether a key is good. A live key is still refused while its tenant is not `active`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyStatus {
    /// It is good.
    Live,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

impl fmt::Display for KeyStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Live => "live",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        })
    }
}

/// Some of a tenant's keys.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct KeyPage {
    /// By id: oldest first.
    pub keys: Vec<ApiKey>,
    /// Where the next page starts; null on the last.
    pub next_cursor: Option<String>,
}

/// A new key with its secret.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct IssuedKey {
    /// Whose it is.
    pub tenant_id: TenantId,
    #[expect(missing_docs, reason = "its own fields stand here")]
    #[serde(flatten)]
    pub key: ApiKey,
    /// The key itself. Null when the request was sent before and the secret is erased by now.
    pub api_key: Option<String>,
    /// Why the key cannot be shown; left out when it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_unreadable: Option<String>,
}

/// Asks for a new key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueKey {
    /// Days after which the key expires; left out: `keys.expires_days` of the installation.
    #[schema(minimum = 1, maximum = 36_500)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_days: Option<u32>,
}

/// A key to be verified.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyKey {
    /// The key, as it was presented.
    pub api_key: String,
}

/// A key that is good, and its tenant.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VerifiedKey {
    /// The key's id.
    pub key_id: i64,
    /// When the key ends by itself; null: never.
    pub expires_at: Option<DateTime<Utc>>,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// What people call the tenant.
    pub tenant_name: String,
    /// Where the tenant answers, in A-label form.
    pub domain: String,
    /// The tenant's state: `active`.
    #[schema(value_type = TenantState)]
    pub status: OpenEnum<TenantState>,
}
