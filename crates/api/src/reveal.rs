//! Opens the sealed API keys of a batch, and says in the audit that it did.

use contract::{RevealedKey, RevealedKeys, UnreadableKey};
use domain::{OperationId, TenantId};
use keys::SealError;
use secrecy::ExposeSecret as _;
use serde_json::json;
use sqlx::PgConnection;
use store::{api_keys, audit};
use tracing::error;

use crate::{
    context::Context,
    http::{auth::Caller, problem::Problem},
};

/// The keys of `batch` that are neither acknowledged nor expired. Each reveal is audited in the
/// caller's transaction: commit before showing them.
pub(crate) async fn reveal(
    conn: &mut PgConnection,
    cx: &Context,
    caller: &Caller,
    batch: OperationId,
) -> Result<RevealedKeys, Problem> {
    let sealer = cx.sealer().await?;
    let mut keys = RevealedKeys::default();
    for it in api_keys::reveal(conn, batch).await? {
        let (tenant_id, tenant_name) = (it.tenant, it.tenant_name);
        match sealer.open(&it.sealed, tenant_id) {
            Ok(key) => {
                let api_key = key.expose_secret().to_owned();
                keys.keys.push(RevealedKey { tenant_id, tenant_name, api_key });
            }
            Err(error) => {
                error!(tenant.id = %tenant_id, %error, "could not reveal the key of tenant {tenant_id}");
                let reason = unreadable(&error).to_owned();
                keys.unreadable.push(UnreadableKey { tenant_id, tenant_name, reason });
            }
        }
    }
    let revealed = &keys.keys;
    if !revealed.is_empty() {
        let tenants: Vec<TenantId> = revealed.iter().map(|key| key.tenant_id).collect();
        let detail = json!({ "keys_in_batch": revealed.len() });
        let entry = caller.did("keys.revealed");
        let entry = audit::Entry { operation: Some(batch), detail, ..entry };
        audit::append_for_tenants(conn, entry, &tenants).await?;
    }
    Ok(keys)
}

fn unreadable(error: &SealError) -> &'static str {
    match error {
        SealError::Refused => {
            "sealed with a master key that this process does not have: add it as \
             TENANTRY_MASTER_KEY_PREVIOUS and restart the API"
        }
        SealError::CutOff | SealError::NoKey => "what lies sealed is damaged",
    }
}
