//! A tenant is deleted, and that is taken back: `DELETE /tenants/{id}` and `POST /tenants/{id}/undelete`, operations of
//! one. What keeps it from going: protection and hold. What is left of it: the erasure report.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use contract::{EraseReport, Erased, HoldRequest, Operation, Remainder, Tenant};
use domain::{Delete, Kind, TenantId, TenantState, line_of_text};
use serde::Deserialize;
use serde_json::json;
use sqlx::PgConnection;
use store::{
    audit,
    tenants::{self, Marked},
};

use super::{life::One, tenants::view};
use crate::{
    context::Context,
    http::{
        auth::{Caller, CanAdminister, CanOperate, CanView},
        body::Document,
        openapi::{BadParameter, BadSubmission, Common, NotFound, OnceHeader, WaitHeader},
        parameters::{Id, Params as Query},
        problem::{Problem, ProblemBody},
        wait::Held,
    },
    submission::{
        idempotency::Act,
        operation::{Params, deletion, wrong},
    },
};

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeleteParams {
    /// The tenant's name, exactly: what is deleted is what is meant.
    #[param(min_length = 1, max_length = 255)]
    confirm: Option<String>,
    /// Why, for those who look at the tenant: 1 to 500 characters, none of them control ones.
    #[param(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[!-~][^\x00-\x1f\x7f-\x9f]*$"
    )]
    reason: Option<String>,
    /// In how many days it is dropped, 0–365; left out: `deletion.grace_days`.
    #[param(maximum = 365)]
    grace_days: Option<u32>,
    /// For how many days after that its names stay taken, 0–3650; left out: `deletion.name_hold_days`.
    #[param(maximum = 3650)]
    name_hold_days: Option<u32>,
    /// Whether an imported tenant's schema is dropped too; left out, it is given back as it was found.
    #[serde(default)]
    #[param(default = false)]
    drop_imported: bool,
}

/// Delete a tenant
///
/// From the answer on the tenant is `deleting`: nothing resolves it, and within a second its users are out, as of one
/// that is suspended. When its grace is over, its schema and role are dropped and what is personal is erased; until
/// then `undelete` brings it back. On a tenant that is `deleting` already it sets reason and times anew.
#[utoipa::path(
    delete,
    path = "/tenants/{id}",
    tag = "tenants",
    params(
        ("id" = TenantId, Path, description = "The tenant"),
        DeleteParams,
        WaitHeader,
        OnceHeader,
    ),
    responses(
        (status = 202, description = "Accepted; the operation is at `Location`", body = Operation),
        (status = 200, description = "Over within the wait: its users are out", body = Operation),
        (status = 409, description = "The tenant is protected (`deletion_protected`), in another state \
            (`wrong_tenant_state`), or being dropped (`drop_has_begun`)",
            body = ProblemBody, content_type = "application/problem+json"),
        NotFound,
        BadParameter,
        BadSubmission,
        Common,
    ),
)]
pub(crate) async fn delete_tenant(
    CanAdminister(caller): CanAdminister,
    State(cx): State<Context>,
    held: Held,
    headers: HeaderMap,
    Id(id): Id<TenantId>,
    Query(query): Query<DeleteParams>,
    document: Document,
) -> Result<Response, Problem> {
    let DeleteParams { confirm, reason, grace_days, name_hold_days, drop_imported } = query;
    let asked = deletion("", Delete { reason, grace_days, name_hold_days, drop_imported })?;
    confirmed(&cx, id, confirm.as_deref()).await?;
    let one = One { cx: &cx, caller: &caller, headers: &headers, held: &held };
    one.tenant(id, Kind::Delete, Params::Delete(asked), document).await
}

pub(super) async fn confirmed(
    cx: &Context,
    id: TenantId,
    confirm: Option<&str>,
) -> Result<(), Problem> {
    let mut conn = cx.pool().acquire().await?;
    let tenant = tenants::find(&mut conn, id).await?;
    let tenant = tenant.ok_or_else(|| Problem::tenant_not_found(id))?;
    match confirm {
        // The name of a deleted tenant is erased, so no caller can give it; the state refuses the call later.
        _ if tenant.state == TenantState::Deleted => Ok(()),
        Some(name) if name == tenant.name => Ok(()),
        Some(_) => {
            let message = "is not the name of this tenant";
            Err(Problem::invalid_body("/confirm", "wrong_confirmation", message))
        }
        None => {
            let message = "send the tenant's name as `confirm`";
            Err(Problem::invalid_body("/confirm", "confirmation_required", message))
        }
    }
}

/// Undelete a tenant
///
/// Gives a tenant whose drop has not begun the state back that it had, and its role what it could do.
#[utoipa::path(
    post,
    path = "/tenants/{id}/undelete",
    tag = "tenants",
    params(("id" = TenantId, Path, description = "The tenant"), WaitHeader, OnceHeader),
    responses(
        (status = 202, description = "Accepted; the operation is at `Location`", body = Operation),
        (status = 200, description = "Over within the wait", body = Operation),
        (status = 409, description = "The tenant is not `deleting` (`wrong_tenant_state`), or is being dropped \
            (`drop_has_begun`)", body = ProblemBody, content_type = "application/problem+json"),
        NotFound,
        BadSubmission,
        Common,
    ),
)]
pub(crate) async fn undelete_tenant(
    CanAdminister(caller): CanAdminister,
    State(cx): State<Context>,
    held: Held,
    headers: HeaderMap,
    Id(id): Id<TenantId>,
    document: Document,
) -> Result<Response, Problem> {
    let one = One { cx: &cx, caller: &caller, headers: &headers, held: &held };
    one.tenant(id, Kind::Undelete, Params::Nothing, document).await
}

/// Hold a tenant
///
/// As long as the hold lasts, the tenant is not dropped: the time until then stands still. It can be deleted and
/// undeleted meanwhile. Held already, it stays as it is.
#[utoipa::path(
    put,
    path = "/tenants/{id}/hold",
    tag = "tenants",
    params(("id" = TenantId, Path, description = "The tenant"), OnceHeader),
    request_body(content = Option<HoldRequest>, description = "Why; may be left out"),
    responses(
        (status = 200, description = "The tenant", body = Tenant),
        (status = 409, description = "Its drop has begun, or it is gone (`drop_has_begun`)",
            body = ProblemBody, content_type = "application/problem+json"),
        NotFound,
        BadSubmission,
        Common,
    ),
)]
pub(crate) async fn hold_tenant(
    CanAdminister(caller): CanAdminister,
    State(cx): State<Context>,
    Id(id): Id<TenantId>,
    once: Act,
    document: Document,
) -> Result<Json<Tenant>, Problem> {
    let once = once.with(&document)?;
    let asked = document.json_if_any()?.unwrap_or_else(|| json!({}));
    let HoldRequest { reason } = crate::submission::operation::read("", &asked)?;
    let line = |reason: String| {
        let message = "must be 1 to 500 characters, none of them control ones";
        line_of_text(&reason).ok_or_else(|| wrong("/reason", message))
    };
    let reason = reason.map(line).transpose()?;
    let personal = reason.as_ref().map(|reason| json!({ "after": { "reason": reason } }));
    let entry =
        audit::Entry { personal: personal.unwrap_or_default(), ..caller.did("tenant.held") };
    let hold = async |conn: &mut _| tenants::hold(conn, id, reason.as_deref()).await;
    marked(&cx, (&caller, &once), id, hold, entry).await
}

/// Release a tenant from its hold
///
/// The time until its drop goes on with what was left of it.
#[utoipa::path(
    delete,
    path = "/tenants/{id}/hold",
    tag = "tenants",
    params(("id" = TenantId, Path, description = "The tenant"), OnceHeader),
    responses(
        (status = 200, description = "The tenant", body = Tenant),
        NotFound,
        BadSubmission,
        Common,
    ),
)]
pub(crate) async fn release_tenant(
    CanAdminister(caller): CanAdminister,
    State(cx): State<Context>,
    Id(id): Id<TenantId>,
    once: Act,
) -> Result<Json<Tenant>, Problem> {
    let release = async |conn: &mut _| tenants::release_hold(conn, id).await;
    marked(&cx, (&caller, &once), id, release, caller.did("tenant.hold_released")).await
}

/// Protect a tenant from deletion
///
/// A deletion of it is refused until the protection is taken away.
#[utoipa::path(
    put,
    path = "/tenants/{id}/deletion-protection",
    tag = "tenants",
    params(("id" = TenantId, Path, description = "The tenant"), OnceHeader),
    responses(
        (status = 200, description = "The tenant", body = Tenant),
        (status = 409, description = "It is to be deleted already (`drop_has_begun`)",
            body = ProblemBody, content_type = "application/problem+json"),
        NotFound,
        BadSubmission,
        Common,
    ),
)]
pub(crate) async fn protect_tenant(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Id(id): Id<TenantId>,
    once: Act,
) -> Result<Json<Tenant>, Problem> {
    let protect = async |conn: &mut _| tenants::protect(conn, id, true).await;
    marked(&cx, (&caller, &once), id, protect, caller.did("tenant.protected")).await
}

/// Take a tenant's protection from deletion away
#[utoipa::path(
    delete,
    path = "/tenants/{id}/deletion-protection",
    tag = "tenants",
    params(("id" = TenantId, Path, description = "The tenant"), OnceHeader),
    responses(
        (status = 200, description = "The tenant", body = Tenant),
        (status = 409, description = "It is to be deleted already (`drop_has_begun`)",
            body = ProblemBody, content_type = "application/problem+json"),
        NotFound,
        BadSubmission,
        Common,
    ),
)]
pub(crate) async fn unprotect_tenant(
    CanAdminister(caller): CanAdminister,
    State(cx): State<Context>,
    Id(id): Id<TenantId>,
    once: Act,
) -> Result<Json<Tenant>, Problem> {
    let unprotect = async |conn: &mut _| tenants::protect(conn, id, false).await;
    marked(&cx, (&caller, &once), id, unprotect, caller.did("tenant.unprotected")).await
}

/// Makes the change with its audit row, unless the same call made it before, and shows the tenant.
async fn marked(
    cx: &Context,
    (caller, once): (&Caller, &Act),
    id: TenantId,
    change: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<Marked>,
    entry: audit::Entry<'_>,
) -> Result<Json<Tenant>, Problem> {
    let mut tx = cx.pool().begin().await?;
    if !once.is_done(&mut tx, caller.id).await? {
        match change(&mut tx).await? {
            Marked::Done => {
                audit::append(&mut tx, audit::Entry { tenant: Some(id), ..entry }).await?;
            }
            Marked::Already => {}
            Marked::TooLate => return Err(Problem::drop_has_begun(id)),
            Marked::NotFound => return Err(Problem::tenant_not_found(id)),
        }
    }
    let tenant = tenants::find(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Json(view(tenant.ok_or_else(|| Problem::tenant_not_found(id))?)))
}

/// Show what was erased of a tenant
///
/// Of one that is gone: who asked for it and when, what was erased, and what remains until when.
#[utoipa::path(
    get,
    path = "/tenants/{id}/erase-report",
    tag = "tenants",
    params(("id" = TenantId, Path, description = "The tenant")),
    responses(
        (status = 200, description = "The report", body = EraseReport),
        (status = 409, description = "The tenant is not `deleted` (`wrong_tenant_state`)",
            body = ProblemBody, content_type = "application/problem+json"),
        NotFound,
        Common,
    ),
)]
pub(crate) async fn get_erase_report(
    _: CanView,
    State(cx): State<Context>,
    Id(id): Id<TenantId>,
) -> Result<Json<EraseReport>, Problem> {
    let mut conn = cx.pool().acquire().await?;
    let found = tenants::tombstone(&mut conn, id).await?;
    let found = found.ok_or_else(|| Problem::tenant_not_found(id))?;
    let Some(deleted_at) = found.deleted_at.filter(|_| found.state == TenantState::Deleted) else {
        let detail = format!("tenant {id} is {}: nothing of it is erased", found.state);
        return Err(Problem::new(StatusCode::CONFLICT, "wrong_tenant_state", detail));
    };
    let count = |name: &str| found.erased.get(name).and_then(serde_json::Value::as_i64);
    let remains = remainders(&cx, &found);
    Ok(Json(EraseReport {
        tenant_id: id,
        deleted_at,
        asked_by: found.asked_by,
        asked_at: found.asked_at,
        erased: Erased {
            api_keys: count("keys").unwrap_or_default(),
            items: count("items").unwrap_or_default(),
            attempts: count("attempts").unwrap_or_default(),
            audit_entries: count("audit").unwrap_or_default(),
        },
        remains,
    }))
}

fn remainders(cx: &Context, found: &tenants::Tombstone) -> Vec<Remainder> {
    let days = cx.settings.retention.operations_days;
    let operations = match days {
        0 => "its operations, without names, texts and settings: kept for ever".to_owned(),
        _ => format!(
            "its operations, without names, texts and settings: until {days} days after their end"
        ),
    };
    let names = found.names_held_until.map(|until| Remainder {
        what: "its domain, schema name and external id, so that nobody else gets them".to_owned(),
        until: Some(until),
    });
    let for_ever = [
        "its row in the registry: id, role name and times",
        &operations,
        "its audit entries: who did what and when, until their month is exported and dropped",
        "backups of the database and exported audit logs: as long as you keep them",
    ]
    .map(|what| Remainder { what: what.to_owned(), until: None });
    names.into_iter().chain(for_ever).collect()
}
