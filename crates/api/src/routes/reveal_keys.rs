//! `POST /batches/{id}/api-keys/reveal`: the keys, until they are acknowledged.

use axum::{Json, extract::State};
use domain::{OperationId, TenantId};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use store::operations;
use utoipa::ToSchema;

use crate::{
    auth::CanOperate,
    context::Context,
    documented::{Common, NotFound},
    extract::Id,
    problem::Problem,
    reveal::{Revealed, Unreadable, reveal},
};

/// The keys of a batch.
#[derive(Serialize, ToSchema)]
pub(crate) struct RevealedKeys {
    /// In the order they were issued. Empty once acknowledged or expired.
    keys: Vec<RevealedKey>,
    /// Keys that this API cannot open, and why; left out when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<UnreadableKey>,
}

/// A key that cannot be shown.
#[derive(Serialize, ToSchema)]
pub(crate) struct UnreadableKey {
    /// Whose it is.
    tenant_id: TenantId,
    /// What people call it.
    tenant_name: String,
    /// Why it cannot be shown, and what to do.
    reason: &'static str,
}

/// A tenant's key.
#[derive(Serialize, ToSchema)]
pub(crate) struct RevealedKey {
    /// Whose it is.
    tenant_id: TenantId,
    /// What people call it.
    tenant_name: String,
    /// The key.
    api_key: String,
}

impl From<Revealed> for RevealedKey {
    fn from(revealed: Revealed) -> Self {
        Self {
            tenant_id: revealed.tenant,
            tenant_name: revealed.tenant_name,
            api_key: revealed.key.expose_secret().to_owned(),
        }
    }
}

impl From<Unreadable> for UnreadableKey {
    fn from(key: Unreadable) -> Self {
        let Unreadable { tenant, tenant_name, reason } = key;
        Self { tenant_id: tenant, tenant_name, reason }
    }
}

/// Reveal the API keys of a batch
///
/// Every key that is neither acknowledged nor older than 24 hours. Each reveal is audited. Keys
/// that were sealed with a master key that this API does not have are named in `unreadable`.
#[utoipa::path(
    post,
    path = "/batches/{id}/api-keys/reveal",
    tag = "keys",
    params(("id" = OperationId, Path, description = "The batch")),
    responses((status = 200, description = "The keys", body = RevealedKeys), NotFound, Common),
)]
pub(crate) async fn reveal_keys(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Id(id): Id<OperationId>,
) -> Result<Json<RevealedKeys>, Problem> {
    let mut tx = cx.pool().begin().await?;
    if operations::is_finished(&mut tx, id).await?.is_none() {
        return Err(Problem::batch_not_found(id));
    }
    let keys = reveal(&mut tx, &cx, &caller, id).await?;
    tx.commit().await?;
    Ok(Json(RevealedKeys {
        keys: keys.revealed.into_iter().map(RevealedKey::from).collect(),
        unreadable: keys.unreadable.into_iter().map(UnreadableKey::from).collect(),
    }))
}
