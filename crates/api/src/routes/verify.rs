//! `POST /keys/verify`: tells which tenant an API key belongs to.

use axum::{Json, extract::State, http::StatusCode};
use contract::{Suspension, VerifiedKey, VerifyKey};
use domain::TenantState;
use serde_json::Value;
use store::api_keys::{self, Presented};

use crate::{
    context::Context,
    http::{
        auth::CanView,
        body::Document,
        openapi::{BadSubmission, Common},
        problem::{Problem, ProblemBody},
    },
};

/// Verify an API key
///
/// Says whose it is, if it is live and its tenant `active`. Its last use is recorded, to the minute.
#[utoipa::path(
    post,
    path = "/keys/verify",
    tag = "keys",
    request_body = VerifyKey,
    responses(
        (status = 200, description = "The key is good", body = VerifiedKey),
        (status = 403, description = "The key is refused: `key_unknown`, `key_expired`, `key_revoked`, or \
            `tenant_suspended` with its `suspension`; or the token's role is too low (`role_too_low`)",
            body = ProblemBody, content_type = "application/problem+json"),
        BadSubmission,
        Common,
    ),
)]
pub(crate) async fn verify_key(
    _: CanView,
    State(cx): State<Context>,
    document: Document,
) -> Result<Json<VerifiedKey>, Problem> {
    // The message of a parser can quote what it read.
    let body = Some(document.json()?).filter(Value::is_object);
    let body: Option<VerifyKey> = body.and_then(|body| serde_json::from_value(body).ok());
    let Some(VerifyKey { api_key }) = body else {
        let message = "the body must be {\"api_key\": \"...\"}";
        return Err(Problem::invalid_body("", "invalid_field", message));
    };
    // One that was imported with its tenant has no checksum.
    let hash = keys::parse_key(&api_key)
        .or_else(|_| keys::foreign_key(&api_key).ok_or_else(key_unknown))?;
    let mut conn = cx.pool().acquire().await?;
    let key = api_keys::present(&mut conn, &hash).await?.ok_or_else(key_unknown)?;
    let key = good(key)?;
    if key.stale {
        api_keys::touch(&mut conn, key.id).await?;
    }
    Ok(Json(VerifiedKey {
        key_id: key.id,
        expires_at: key.expires_at,
        tenant_id: key.tenant,
        tenant_name: key.tenant_name,
        domain: key.domain,
        status: key.state.into(),
    }))
}

/// The key, if it is live and its tenant active.
fn good(key: Presented) -> Result<Presented, Problem> {
    if key.is_revoked {
        let detail = "this API key was revoked";
        return Err(Problem::new(StatusCode::FORBIDDEN, "key_revoked", detail));
    }
    if key.is_expired {
        let detail = "this API key has expired";
        return Err(Problem::new(StatusCode::FORBIDDEN, "key_expired", detail));
    }
    match key.state {
        TenantState::Active => Ok(key),
        TenantState::Suspended => {
            let suspension = key.suspension.map(|it| Suspension {
                since: it.since,
                reason: it.reason,
                until: it.until,
            });
            let detail = "the tenant of this API key is suspended; `suspension` says why";
            let problem = Problem::new(StatusCode::FORBIDDEN, "tenant_suspended", detail);
            Err(problem.with_suspension(suspension))
        }
        _ => Err(key_unknown()),
    }
}

fn key_unknown() -> Problem {
    let detail = "no tenant has this API key";
    Problem::new(StatusCode::FORBIDDEN, "key_unknown", detail)
}
