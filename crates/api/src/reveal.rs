//! Opens the sealed API keys of a batch, and says in the audit that it did.

use domain::{OperationId, TenantId};
use keys::SealError;
use secrecy::SecretString;
use serde_json::json;
use sqlx::PgConnection;
use store::{api_keys, audit};
use tracing::error;

use crate::{auth::Caller, context::Context, problem::Problem};

/// A key that may be shown to this caller, once it has been audited.
pub(crate) struct Revealed {
    pub(crate) tenant: TenantId,
    pub(crate) tenant_name: String,
    pub(crate) key: SecretString,
}

/// A key that this process cannot open.
pub(crate) struct Unreadable {
    pub(crate) tenant: TenantId,
    pub(crate) tenant_name: String,
    pub(crate) reason: &'static str,
}

/// The keys of a batch, those that open and those that do not.
#[derive(Default)]
pub(crate) struct Keys {
    pub(crate) revealed: Vec<Revealed>,
    pub(crate) unreadable: Vec<Unreadable>,
}

/// The keys of `batch` that are neither acknowledged nor expired. Each reveal is audited in the
/// caller's transaction: commit before showing them.
///
/// # Errors
/// 503 when the database does not answer.
pub(crate) async fn reveal(
    conn: &mut PgConnection,
    cx: &Context,
    caller: &Caller,
    batch: OperationId,
) -> Result<Keys, Problem> {
    let sealer = cx.sealer().await?;
    let mut keys = Keys::default();
    for it in api_keys::reveal(conn, batch).await? {
        let (tenant, tenant_name) = (it.tenant, it.tenant_name);
        match sealer.open(&it.sealed, tenant) {
            Ok(key) => keys.revealed.push(Revealed { tenant, tenant_name, key }),
            Err(error) => {
                error!(tenant.id = %tenant, %error, "could not reveal the key of tenant {tenant}");
                let reason = unreadable(&error);
                keys.unreadable.push(Unreadable { tenant, tenant_name, reason });
            }
        }
    }
    let revealed = &keys.revealed;
    if !revealed.is_empty() {
        let tenants: Vec<TenantId> = revealed.iter().map(|r| r.tenant).collect();
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
