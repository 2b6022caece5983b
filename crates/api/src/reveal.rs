//! Opens the sealed API keys of an operation or of a tenant, and says in the audit that it did.

use contract::{RevealedKey, RevealedKeys, UnreadableKey};
use domain::{OperationId, TenantId};
use keys::{SealError, Sealer};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::json;
use sqlx::PgConnection;
use store::{
    api_keys::{self, SealedKey},
    audit,
};
use tracing::error;

use crate::{
    context::Context,
    http::{auth::Caller, cursor::List, parameters, problem::Problem},
};

/// Most keys of one page.
const MOST: u32 = 1_000;

/// Whose keys are revealed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Of {
    Operation(OperationId),
    Tenant(TenantId),
}

/// Which of them.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// At most this many, 1 to 1,000; without it and `cursor` all of them.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<u32>,
    /// Start after this `next_cursor`.
    #[param(min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

impl Page {
    /// The key to start after, and how many to show if not all.
    fn position(&self) -> Result<(i64, Option<u32>), Problem> {
        let after = self.cursor.as_deref().map(|cursor| List::Secrets.after(cursor)).transpose()?;
        let is_all = self.limit.is_none() && after.is_none();
        let limit = (!is_all).then(|| parameters::limit(self.limit, MOST, MOST)).transpose()?;
        Ok((after.unwrap_or(0), limit))
    }
}

/// The keys that are neither acknowledged nor revoked and have not expired. Each reveal is audited in the
/// caller's transaction: commit before showing them.
pub(crate) async fn reveal(
    conn: &mut PgConnection,
    cx: &Context,
    caller: &Caller,
    of: Of,
    page: &Page,
) -> Result<RevealedKeys, Problem> {
    let (after, limit) = page.position()?;
    // One more than asked for says whether there is a next page.
    let rows = limit.map_or(i64::MAX, |limit| i64::from(limit) + 1);
    let found = match of {
        Of::Operation(operation) => api_keys::reveal(conn, operation, after, rows).await?,
        Of::Tenant(tenant) => api_keys::reveal_of_tenant(conn, tenant, after, rows).await?,
    };
    let (found, next_cursor) = match limit {
        Some(limit) => List::Secrets.page(found, limit, |key| key.id),
        None => (found, None),
    };
    let keys = RevealedKeys { next_cursor, ..opened(cx.sealer().await?, found) };
    audit(conn, caller, of, &keys.keys).await?;
    Ok(keys)
}

async fn audit(
    conn: &mut PgConnection,
    caller: &Caller,
    of: Of,
    revealed: &[RevealedKey],
) -> sqlx::Result<()> {
    if revealed.is_empty() {
        return Ok(());
    }
    let entry = caller.did("keys.revealed");
    match of {
        Of::Operation(batch) => {
            let tenants: Vec<TenantId> = revealed.iter().map(|key| key.tenant_id).collect();
            let detail = json!({ "keys_in_batch": revealed.len() });
            let entry = audit::Entry { operation: Some(batch), detail, ..entry };
            audit::append_for_tenants(conn, entry, &tenants).await
        }
        Of::Tenant(tenant) => {
            let detail = json!({ "keys": revealed.len() });
            audit::append(conn, audit::Entry { tenant: Some(tenant), detail, ..entry }).await
        }
    }
}

fn opened(sealer: &Sealer, found: Vec<SealedKey>) -> RevealedKeys {
    let mut keys = RevealedKeys::default();
    for it in found {
        let (tenant_id, tenant_name) = (it.tenant, it.tenant_name);
        match open(sealer, tenant_id, &it.sealed) {
            Ok(api_key) => keys.keys.push(RevealedKey {
                tenant_id,
                tenant_name,
                domain: Some(it.domain),
                external_id: it.external_id,
                index: it.index.and_then(|index| u32::try_from(index).ok()),
                api_key,
            }),
            Err(reason) => {
                let reason = reason.to_owned();
                keys.unreadable.push(UnreadableKey { tenant_id, tenant_name, reason });
            }
        }
    }
    keys
}

/// The secret of `tenant`'s key.
///
/// # Errors
/// Why it cannot be shown, and what to do.
pub(crate) fn open(
    sealer: &Sealer,
    tenant: TenantId,
    sealed: &[u8],
) -> Result<String, &'static str> {
    match sealer.open(sealed, tenant) {
        Ok(key) => Ok(key.expose_secret().to_owned()),
        Err(error) => {
            error!(tenant.id = %tenant, %error, "could not reveal the key of tenant {tenant}");
            Err(unreadable(&error))
        }
    }
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
