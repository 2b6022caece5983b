//! Issues an API key to a tenant that is there, in one transaction with its audit row. No worker is needed:
//! a key is rows of the control database alone.

use std::time::Duration;

use axum::http::StatusCode;
use contract::IssuedKey;
use domain::{TenantId, TenantName, TenantState};
use keys::Sealer;
use serde_json::json;
use sqlx::PgConnection;
use store::{
    api_keys::{self, MOST_LIVE, NewKey},
    audit,
    idempotency::Became,
    master_keys, tenants,
};

use crate::{
    context::Context,
    http::{auth::Caller, problem::Problem},
    reveal::open,
    submission::idempotency::{self, Key},
    views::api_key,
};

const HOUR: Duration = Duration::from_secs(3600);

/// A new key that a caller asks for.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) tenant: TenantId,
    /// Life of the new key, in days, if not that of the settings.
    pub(crate) expires_days: Option<u32>,
    /// Hours after which the live keys expire; `None`: they stay as they are.
    pub(crate) overlap_hours: Option<u32>,
}

/// Issues the key that is `asked` for, or gives the one that the same call issued before.
///
/// # Errors
/// 404 without such a tenant; 409 when its state does not allow a key, or it would have too many.
pub(crate) async fn issue(
    cx: &Context,
    caller: &Caller,
    asked: &Asked,
    key: Option<Key<'_>>,
) -> Result<IssuedKey, Problem> {
    let rules = cx.keys().await?;
    let mut tx = cx.pool().begin().await?;
    let (name, state) = lock(&mut tx, asked.tenant).await?;
    seal_with_current(&rules.sealer, &mut tx).await?;
    let (minted, sealed) = rules.mint(&name, asked.tenant);
    let became = Became::ApiKey(minted.hash());
    let days = cx.settings.retention.idempotency_days;
    let first = match key {
        Some(key) => idempotency::first(&mut tx, caller.id, &key, became, days).await?,
        None => None,
    };
    let issued = match first {
        Some(first) => again(&rules.sealer, &mut tx, caller, asked.tenant, first).await?,
        None => {
            fit_for_a_key(asked.tenant, state)?;
            let valid_for = asked.expires_days.map(|days| HOUR * 24 * days).or(rules.valid_for);
            let new = NewKey {
                tenant: asked.tenant,
                operation: None,
                hash: minted.hash(),
                prefix: minted.prefix(),
                last4: minted.last4(),
                sealed: &sealed,
                sealed_for: rules.sealed_for,
                valid_for,
            };
            let issued = add(&mut tx, caller, asked, new).await?;
            IssuedKey { api_key: Some(minted.expose().to_owned()), ..issued }
        }
    };
    tx.commit().await?;
    Ok(issued)
}

/// Adds `new` to the tenant's keys, with the audit row of it; has the others expire if that is `asked` for.
async fn add(
    conn: &mut PgConnection,
    caller: &Caller,
    asked: &Asked,
    new: NewKey<'_>,
) -> Result<IssuedKey, Problem> {
    let (tenant, hash) = (asked.tenant, new.hash);
    let replaced = match asked.overlap_hours {
        Some(hours) => {
            let expiring = api_keys::expire(conn, &[tenant], HOUR * hours).await?.remove(&tenant);
            Some(expiring.unwrap_or_default())
        }
        None => None,
    };
    if api_keys::issue(conn, &[new], MOST_LIVE).await? == 0 {
        return Err(too_many_keys(tenant));
    }
    let (issued, _) = find(conn, tenant, &hash).await?;
    let key = issued.key.key_id;
    let (action, detail) = match replaced {
        None => ("key.issued", json!({ "key": key })),
        Some(replaced) => {
            let hours = asked.overlap_hours;
            let detail = json!({ "key": key, "replaced": replaced, "overlap_hours": hours });
            ("keys.rotated", detail)
        }
    };
    let entry = caller.did(action);
    audit::append(conn, audit::Entry { tenant: Some(tenant), detail, ..entry }).await?;
    Ok(issued)
}

/// The tenant's name and state. No other request issues a key to it before the transaction ends: each of two
/// could find room for one more.
async fn lock(conn: &mut PgConnection, id: TenantId) -> Result<(TenantName, TenantState), Problem> {
    tenants::lock_standing(conn, &[id]).await?;
    let tenant = tenants::find(conn, id).await?.ok_or_else(|| Problem::tenant_not_found(id))?;
    let name = TenantName::from_registry(tenant.name).map_err(Problem::internal)?;
    Ok((name, tenant.state))
}

/// Has the sealer use the installation's master key, which stays that one until the transaction ends.
async fn seal_with_current(sealer: &Sealer, conn: &mut PgConnection) -> Result<(), Problem> {
    match master_keys::lock_current(conn).await? {
        Some(current) if !sealer.seal_with(&current) => {
            Err(Problem::internal("this process does not have the installation's master key"))
        }
        _ => Ok(()),
    }
}

fn fit_for_a_key(id: TenantId, state: TenantState) -> Result<(), Problem> {
    match state {
        TenantState::Active | TenantState::Suspended => Ok(()),
        _ => {
            let detail =
                format!("tenant {id} is {state}: only an active or suspended one gets keys");
            Err(Problem::new(StatusCode::CONFLICT, "wrong_tenant_state", detail))
        }
    }
}

fn too_many_keys(id: TenantId) -> Problem {
    let detail = format!(
        "tenant {id} can have {MOST_LIVE} live API keys at most: revoke one, or rotate with \
         `overlap_hours` 0"
    );
    Problem::new(StatusCode::CONFLICT, "too_many_keys", detail)
}

/// The key that the same call issued before, with its secret as long as that can be revealed.
async fn again(
    sealer: &Sealer,
    conn: &mut PgConnection,
    caller: &Caller,
    tenant: TenantId,
    first: Became,
) -> Result<IssuedKey, Problem> {
    let Became::ApiKey(hash) = first else {
        return Err(Problem::internal("an API key was something else before"));
    };
    let (mut issued, sealed) = find(conn, tenant, &hash).await?;
    match sealed.map(|sealed| open(sealer, tenant, &sealed)) {
        None => {}
        Some(Err(reason)) => issued.api_key_unreadable = Some(reason.to_owned()),
        Some(Ok(api_key)) => {
            issued.api_key = Some(api_key);
            let (entry, detail) = (caller.did("keys.revealed"), json!({ "keys": 1 }));
            audit::append(conn, audit::Entry { tenant: Some(tenant), detail, ..entry }).await?;
        }
    }
    Ok(issued)
}

/// The key with this hash, without its secret; and that sealed, if it can be revealed.
async fn find(
    conn: &mut PgConnection,
    tenant: TenantId,
    hash: &[u8; 32],
) -> Result<(IssuedKey, Option<Vec<u8>>), Problem> {
    let gone = || Problem::internal("an issued key is not there");
    let (id, sealed) = api_keys::by_hash(conn, hash).await?.ok_or_else(gone)?;
    let held = api_keys::find(conn, tenant, id).await?.ok_or_else(gone)?;
    let key = api_key::view(held);
    Ok((IssuedKey { tenant_id: tenant, key, api_key: None, api_key_unreadable: None }, sealed))
}
