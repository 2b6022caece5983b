//! Opens the sealed API keys of a batch, and says in the audit that it did.

use domain::{BatchId, TenantId};
use secrecy::SecretString;
use serde_json::json;
use sqlx::PgConnection;
use store::{api_keys, audit};

use crate::{auth::Caller, context::Context, problem::Problem};

/// A key that may be shown to this caller, once it has been audited.
pub(crate) struct Revealed {
    pub(crate) tenant: TenantId,
    pub(crate) tenant_name: String,
    pub(crate) key: SecretString,
}

/// The keys of `batch` that are neither acknowledged nor expired. Each reveal is audited in the
/// caller's transaction: commit before showing them.
///
/// # Errors
/// 500 when a key was sealed with another master key.
pub(crate) async fn reveal(
    conn: &mut PgConnection,
    cx: &Context,
    caller: &Caller,
    batch: BatchId,
) -> Result<Vec<Revealed>, Problem> {
    let sealed = api_keys::reveal(conn, batch).await?;
    let mut revealed = Vec::with_capacity(sealed.len());
    for key in sealed {
        let secret = cx.sealer().open(&key.sealed, key.tenant).map_err(unreadable)?;
        revealed.push(Revealed { tenant: key.tenant, tenant_name: key.tenant_name, key: secret });
    }
    if !revealed.is_empty() {
        let tenants: Vec<TenantId> = revealed.iter().map(|r| r.tenant).collect();
        let detail = json!({ "keys_in_batch": revealed.len() });
        let entry = caller.did("keys.revealed");
        let entry = audit::Entry { batch: Some(batch), detail, ..entry };
        audit::append_for_tenants(conn, entry, &tenants).await?;
    }
    Ok(revealed)
}

fn unreadable(error: keys::SealError) -> Problem {
    let detail = "the keys were sealed with another TENANTRY_MASTER_KEY than this process has";
    let status = axum::http::StatusCode::INTERNAL_SERVER_ERROR;
    Problem::new(status, "keys_unreadable", detail).with_cause(error)
}
