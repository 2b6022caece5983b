//! `/tenants/{id}/keys`: a tenant's API keys, which are listed, issued, rotated, revealed and revoked. Each act
//! is one transaction on the control database and is over with the answer.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use contract::{ApiKey, IssueKey, IssuedKey, KeyPage, RevealedKeys, TenantAcknowledged};
use domain::{Mode, RotateKeys, TenantId, TenantState};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use sqlx::PgConnection;
use store::{api_keys, audit, tenants};

use crate::{
    context::Context,
    http::{
        auth::{Caller, CanOperate, CanView},
        body::Document,
        cursor::List,
        openapi::{BadParameter, BadSubmission, Common, NotFound, OnceHeader},
        parameters::{Id, Params, limit},
        problem::{Problem, ProblemBody},
    },
    issue_key::{Asked, issue},
    reveal::{self, Of},
    submission::{
        idempotency::{self, Act, fingerprint},
        operation::{wrong, wrong_keys},
        read::Slices,
    },
    views::api_key::view,
};

/// Most keys of one page.
const MOST: u32 = 200;

#[derive(Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct KeyParams {
    /// At most this many, 1 to 200; 50 without it.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Start after this `next_cursor`.
    #[param(min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

/// List the API keys of a tenant
///
/// Live ones and those that expired or were revoked, without their secrets.
#[utoipa::path(
    get,
    path = "/tenants/{id}/keys",
    tag = "keys",
    params(("id" = TenantId, Path, description = "The tenant"), KeyParams),
    responses(
        (status = 200, description = "By id", body = KeyPage),
        BadParameter,
        NotFound,
        Common,
    ),
)]
pub(crate) async fn list_keys(
    _: CanView,
    State(cx): State<Context>,
    Id(id): Id<TenantId>,
    Params(params): Params<KeyParams>,
) -> Result<Json<KeyPage>, Problem> {
    let limit = limit(params.limit, 50, MOST)?;
    let after = params.cursor.as_deref().map(|cursor| List::Keys.after(cursor)).transpose()?;
    let mut conn = cx.pool().acquire().await?;
    known(&mut conn, id).await?;
    let one_more = i64::from(limit) + 1;
    let found = api_keys::list(&mut conn, id, after.unwrap_or(0), one_more).await?;
    let (found, next_cursor) = List::Keys.page(found, limit, |key| key.id);
    Ok(Json(KeyPage { keys: found.into_iter().map(view).collect(), next_cursor }))
}

/// Show an API key of a tenant
///
/// Without its secret.
#[utoipa::path(
    get,
    path = "/tenants/{id}/keys/{key}",
    tag = "keys",
    params(
        ("id" = TenantId, Path, description = "The tenant"),
        ("key" = i64, Path, description = "The key's id"),
    ),
    responses((status = 200, description = "The key", body = ApiKey), NotFound, Common),
)]
pub(crate) async fn get_key(
    _: CanView,
    State(cx): State<Context>,
    Id((id, key)): Id<(TenantId, i64)>,
) -> Result<Json<ApiKey>, Problem> {
    let mut conn = cx.pool().acquire().await?;
    known(&mut conn, id).await?;
    shown(&mut conn, id, key).await
}

/// Issue an API key
///
/// A tenant has at most two live keys. The secret is in this answer; until it is acknowledged, and for 24 hours at
/// most, it can be revealed again.
#[utoipa::path(
    post,
    path = "/tenants/{id}/keys",
    tag = "keys",
    params(
        ("id" = TenantId, Path, description = "The tenant"),
        OnceHeader,
    ),
    request_body(content = Option<IssueKey>, description = "May be left out"),
    responses(
        (status = 201, description = "The key, which is at `Location`", body = IssuedKey),
        (status = 409, description = "It has two live keys (`too_many_keys`), or is neither active nor \
            suspended (`wrong_tenant_state`)",
            body = ProblemBody, content_type = "application/problem+json"),
        NotFound,
        BadSubmission,
        Common,
    ),
)]
pub(crate) async fn issue_key(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    headers: HeaderMap,
    Id(tenant): Id<TenantId>,
    document: Document,
) -> Result<Response, Problem> {
    let IssueKey { expires_days } = body(&document)?;
    let asked = Asked { tenant, expires_days, overlap_hours: None };
    issued(&cx, &caller, &headers, asked, document).await
}

/// Rotate the API key
///
/// Issues a new key. The old one stays good for the overlap, so that callers can change to the new one; with
/// an overlap of 0 it ends at once.
#[utoipa::path(
    post,
    path = "/tenants/{id}/keys/rotate",
    tag = "keys",
    params(
        ("id" = TenantId, Path, description = "The tenant"),
        OnceHeader,
    ),
    request_body(content = Option<RotateKeys>, description = "May be left out"),
    responses(
        (status = 201, description = "The new key, which is at `Location`", body = IssuedKey),
        (status = 409, description = "It would have three live keys (`too_many_keys`), or is neither active nor \
            suspended (`wrong_tenant_state`)",
            body = ProblemBody, content_type = "application/problem+json"),
        NotFound,
        BadSubmission,
        Common,
    ),
)]
pub(crate) async fn rotate_keys(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    headers: HeaderMap,
    Id(tenant): Id<TenantId>,
    document: Document,
) -> Result<Response, Problem> {
    let RotateKeys { overlap_hours, expires_days } = body(&document)?;
    let overlap_hours = overlap_hours.or(Some(cx.settings.keys.rotation_overlap_hours));
    let asked = Asked { tenant, expires_days, overlap_hours };
    issued(&cx, &caller, &headers, asked, document).await
}

/// Reveal the API keys of a tenant
///
/// Every key that is neither acknowledged nor older than 24 hours, in pages if `limit` is given. Each reveal
/// is audited.
#[utoipa::path(
    post,
    path = "/tenants/{id}/keys/reveal",
    tag = "keys",
    params(("id" = TenantId, Path, description = "The tenant"), reveal::Page),
    responses(
        (status = 200, description = "The keys, in the order they were issued", body = RevealedKeys),
        BadParameter,
        NotFound,
        Common,
    ),
)]
pub(crate) async fn reveal_tenant_keys(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Id(id): Id<TenantId>,
    Params(page): Params<reveal::Page>,
) -> Result<Json<RevealedKeys>, Problem> {
    let mut tx = cx.pool().begin().await?;
    known(&mut tx, id).await?;
    let keys = reveal::reveal(&mut tx, &cx, &caller, Of::Tenant(id), &page).await?;
    tx.commit().await?;
    Ok(Json(keys))
}

/// Acknowledge the API keys of a tenant
///
/// Erases the sealed secrets for good; the keys stay valid. Doing it again erases those of keys that were issued
/// since, unless it is the same call: one `Idempotency-Key` erases once.
#[utoipa::path(
    post,
    path = "/tenants/{id}/keys/acknowledge",
    tag = "keys",
    params(("id" = TenantId, Path, description = "The tenant"), OnceHeader),
    responses(
        (status = 200, description = "Erased", body = TenantAcknowledged),
        BadSubmission,
        NotFound,
        Common,
    ),
)]
pub(crate) async fn acknowledge_tenant_keys(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Id(id): Id<TenantId>,
    once: Act,
) -> Result<Json<TenantAcknowledged>, Problem> {
    let mut tx = cx.pool().begin().await?;
    known(&mut tx, id).await?;
    let acknowledged = match once.is_done(&mut tx, caller.id).await? {
        true => 0,
        false => api_keys::acknowledge_of_tenant(&mut tx, id).await?,
    };
    if acknowledged > 0 {
        let (entry, detail) = (caller.did("keys.acknowledged"), json!({ "keys": acknowledged }));
        audit::append(&mut tx, audit::Entry { tenant: Some(id), detail, ..entry }).await?;
    }
    tx.commit().await?;
    Ok(Json(TenantAcknowledged { tenant_id: id, acknowledged }))
}

/// Revoke an API key
///
/// From the answer on the key is refused. Doing it again changes nothing.
#[utoipa::path(
    delete,
    path = "/tenants/{id}/keys/{key}",
    tag = "keys",
    params(
        ("id" = TenantId, Path, description = "The tenant"),
        ("key" = i64, Path, description = "The key's id"),
        OnceHeader,
    ),
    responses(
        (status = 200, description = "The key, revoked", body = ApiKey),
        (status = 409, description = "The tenant is being made (`wrong_tenant_state`)",
            body = ProblemBody, content_type = "application/problem+json"),
        NotFound,
        BadSubmission,
        Common,
    ),
)]
pub(crate) async fn revoke_key(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Id((id, key)): Id<(TenantId, i64)>,
    once: Act,
) -> Result<Json<ApiKey>, Problem> {
    let mut tx = cx.pool().begin().await?;
    if known(&mut tx, id).await? == TenantState::Pending {
        let detail =
            format!("tenant {id} is being made: cancel its batch, or wait until it is active");
        return Err(Problem::new(StatusCode::CONFLICT, "wrong_tenant_state", detail));
    }
    if !once.is_done(&mut tx, caller.id).await? && api_keys::revoke(&mut tx, id, key).await? {
        let (entry, detail) = (caller.did("key.revoked"), json!({ "key": key }));
        audit::append(&mut tx, audit::Entry { tenant: Some(id), detail, ..entry }).await?;
    }
    let revoked = shown(&mut tx, id, key).await?;
    tx.commit().await?;
    Ok(revoked)
}

/// Issues what is asked for, once for each `Idempotency-Key`.
async fn issued(
    cx: &Context,
    caller: &Caller,
    headers: &HeaderMap,
    asked: Asked,
    document: Document,
) -> Result<Response, Problem> {
    let Asked { tenant: id, expires_days, overlap_hours } = asked;
    let times = RotateKeys { expires_days, overlap_hours };
    times.check().map_err(|error| wrong_keys("", error))?;
    let call = if overlap_hours.is_some() { "rotate_keys" } else { "issue_key" };
    let body = Slices::one(document.bytes, document.room);
    let fingerprint = fingerprint(&format!("{call} {id}"), Mode::Independent, None, &body);
    let key = idempotency::key(headers)?.map(|key| (key, fingerprint));
    let issued = issue(cx, caller, &asked, key).await?;
    let path = format!("{}/api/v1/tenants/{id}/keys/{}", cx.public_path(), issued.key.key_id);
    Ok((StatusCode::CREATED, [(header::LOCATION, path)], Json(issued)).into_response())
}

/// The state of a tenant that is there.
async fn known(conn: &mut PgConnection, id: TenantId) -> Result<TenantState, Problem> {
    tenants::state(conn, id).await?.ok_or_else(|| Problem::tenant_not_found(id))
}

async fn shown(conn: &mut PgConnection, id: TenantId, key: i64) -> Result<Json<ApiKey>, Problem> {
    let found = api_keys::find(conn, id, key).await?;
    Ok(Json(view(found.ok_or_else(|| Problem::key_not_found(id, key))?)))
}

/// What the body asks for; no body and null ask for what is usual.
fn body<T: DeserializeOwned + Default>(document: &Document) -> Result<T, Problem> {
    match document.json_if_any()? {
        None => Ok(T::default()),
        Some(Value::Array(_)) => Err(wrong("", "the body must be an object")),
        Some(body) => serde_json::from_value(body).map_err(|e| wrong("", &e.to_string())),
    }
}
