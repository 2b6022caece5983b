//! API keys of a batch. Nothing here can be printed by mistake: it has no `Debug`.

use domain::{OperationId, TenantId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The keys of a batch.
#[derive(Default, Serialize, Deserialize, ToSchema)]
pub struct RevealedKeys {
    /// In the order they were issued. Empty once acknowledged or expired.
    pub keys: Vec<RevealedKey>,
    /// Keys that this API cannot open, and why; left out when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<UnreadableKey>,
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
    /// The key.
    pub api_key: String,
}

/// What was acknowledged.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct Acknowledged {
    /// Whose keys they are.
    pub batch_id: OperationId,
    /// How many secrets were erased by this call.
    pub acknowledged: usize,
}
