//! How tenants are: `POST /tenants/{id}/check` has one looked at now, `GET /tenants/{id}/health`
//! and `GET /findings` tell what was seen. Workers look; a request runs nothing in a tenant's
//! schema.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use contract::{CheckReason, DriftedObject, Finding, FindingPage, FindingSubject, TenantCheck};
use domain::{TenantHealth, TenantId, TenantState};
use queue::Bell;
use serde::Deserialize;
use store::{
    checks::{self, Last, Stored},
    findings::{self, Filter},
};
use tokio::time::{Instant, sleep};

use crate::{
    context::Context,
    http::{
        admission::Place,
        auth::CanView,
        cursor::List,
        openapi::{BadParameter, Common, NotFound},
        parameters::{Id, Params, limit, text},
        problem::{Problem, ProblemBody},
    },
};

/// Most findings of one page.
const MOST: u32 = 1000;

/// First pause between two looks for the report, and the longest. Each is twice the one before. A
/// check takes a worker about 30 ms.
const PAUSES: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(250)];

/// Share of a request's time that the report is waited for.
const PATIENCE: f32 = 0.6;

/// Check a tenant
///
/// A worker looks at the tenant now: at schema, tables, role and rights, and whether its role is
/// refused another tenant's schema. It changes nothing, and no operation waits for it. The report
/// is kept.
#[utoipa::path(
    post,
    path = "/tenants/{id}/check",
    tag = "tenants",
    params(("id" = TenantId, Path, description = "The tenant")),
    responses(
        (status = 200, description = "How it is", body = TenantCheck),
        (status = 409, description = "The tenant is neither active nor suspended (`wrong_tenant_state`)",
            body = ProblemBody, content_type = "application/problem+json"),
        NotFound,
        Common,
    ),
)]
pub(crate) async fn check_tenant(
    _: CanView,
    State(cx): State<Context>,
    place: Place,
    Id(id): Id<TenantId>,
) -> Result<Json<TenantCheck>, Problem> {
    let mut conn = cx.pool().acquire().await?;
    let tenant = checks::find(&mut conn, id).await?.ok_or_else(|| Problem::tenant_not_found(id))?;
    if !matches!(tenant.state, TenantState::Active | TenantState::Suspended) {
        let detail =
            format!("tenant {id} is {}: it can be checked while it is there", tenant.state);
        return Err(Problem::new(StatusCode::CONFLICT, "wrong_tenant_state", detail));
    }
    let asked_at = checks::ask(&mut conn, id).await?;
    drop(conn);
    queue::ring(&cx.pool(), Bell::Checks).await;
    place.without(report(&cx, id, asked_at)).await
}

/// The report of a look that began no earlier than `asked_at`.
async fn report(
    cx: &Context,
    id: TenantId,
    asked_at: DateTime<Utc>,
) -> Result<Json<TenantCheck>, Problem> {
    let patience = Duration::from_millis(cx.settings.api.request_timeout_ms).mul_f32(PATIENCE);
    let deadline = Instant::now() + patience;
    let [mut pause, longest] = PAUSES;
    loop {
        sleep(pause).await;
        pause = (pause * 2).min(longest);
        let found = checks::find(&mut *cx.pool().acquire().await?, id).await?;
        let mut tenant = found.ok_or_else(|| Problem::tenant_not_found(id))?;
        if let Some(last) = tenant.last.take_if(|last| last.at >= asked_at) {
            return Ok(Json(view(id, tenant, last)));
        }
        if Instant::now() >= deadline || cx.stop.is_cancelled() {
            let detail = format!(
                "no worker has looked at tenant {id} yet; its report will be at /tenants/{id}/health"
            );
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_checked_yet", detail);
            return Err(problem.with_retry_after(5));
        }
    }
}

/// Show the health of a tenant
///
/// What the last look at it came to, whether it was asked for or scheduled.
#[utoipa::path(
    get,
    path = "/tenants/{id}/health",
    tag = "tenants",
    params(("id" = TenantId, Path, description = "The tenant")),
    responses(
        (status = 200, description = "How it was", body = TenantCheck),
        (status = 404, description = "There is no such tenant (`tenant_not_found`), or nothing has looked at \
            it yet (`never_checked`)",
            body = ProblemBody, content_type = "application/problem+json"),
        Common,
    ),
)]
pub(crate) async fn get_tenant_health(
    _: CanView,
    State(cx): State<Context>,
    Id(id): Id<TenantId>,
) -> Result<Json<TenantCheck>, Problem> {
    let found = checks::find(&mut *cx.pool().acquire().await?, id).await?;
    let mut tenant = found.ok_or_else(|| Problem::tenant_not_found(id))?;
    let last = tenant.last.take().ok_or_else(|| {
        let detail = format!(
            "no worker has looked at tenant {id} yet; POST /tenants/{id}/check asks for it"
        );
        Problem::new(StatusCode::NOT_FOUND, "never_checked", detail)
    })?;
    Ok(Json(view(id, tenant, last)))
}

fn view(tenant_id: TenantId, tenant: Stored, last: Last) -> TenantCheck {
    let Last { look, at, since, next_due } = last;
    let (reasons, error) = reasons(look.health, look.reasons);
    let drifted =
        |it: checks::Drifted| DriftedObject { object: it.object, difference: it.difference };
    TenantCheck {
        tenant_id,
        tenant_name: tenant.name,
        schema_name: tenant.schema,
        status: tenant.state.into(),
        schema_valid: look.schema_valid,
        db_accessible: look.db_accessible,
        overall_health: look.health.into(),
        error,
        reasons,
        drift: look.drift.map(|objects| objects.into_iter().map(drifted).collect()),
        health_since: since,
        checked_at: at,
        duration_ms: u64::try_from(look.duration.as_millis()).unwrap_or(u64::MAX),
        next_check_at: next_due,
    }
}

/// The reasons, and all of them in one text unless the tenant is healthy.
pub(super) fn reasons(
    health: TenantHealth,
    reasons: Vec<checks::Reason>,
) -> (Vec<CheckReason>, Option<String>) {
    let messages = || reasons.iter().map(|it| it.message.as_str()).collect::<Vec<_>>().join("; ");
    let error = (health != TenantHealth::Healthy).then(messages);
    let reason = |it: checks::Reason| CheckReason { code: it.code, message: it.message };
    (reasons.into_iter().map(reason).collect(), error)
}

#[derive(Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FindingParams {
    /// Only what is this tenant's.
    tenant_id: Option<TenantId>,
    /// Only what doctor calls so.
    #[param(example = "shape_differs", pattern = "^[^\\x00]*$")]
    kind: Option<String>,
    /// What is no longer so, instead of what is.
    closed: Option<bool>,
    /// Start after this `next_cursor` of this list, and of no other text.
    #[param(min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
    /// At most this many, 1 to 1000; 100 without it.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

/// List findings
///
/// What is wrong, by the looks of workers: at each tenant by and by (`checks.every_days`), at
/// everything else once a day. `tenantry doctor` looks at everything now.
#[utoipa::path(
    get,
    path = "/findings",
    tag = "tenants",
    params(FindingParams),
    responses(
        (status = 200, description = "Newest first", body = FindingPage),
        BadParameter,
        Common,
    ),
)]
pub(crate) async fn list_findings(
    _: CanView,
    State(cx): State<Context>,
    Params(params): Params<FindingParams>,
) -> Result<Json<FindingPage>, Problem> {
    let limit = limit(params.limit, 100, MOST)?;
    let before = params.cursor.as_deref().map(|cursor| List::Findings.after(cursor)).transpose()?;
    if params.tenant_id.is_some_and(|id| id.get() < 1) {
        return Err(Problem::invalid_parameter("tenant_id", "must be 1 or more"));
    }
    let filter = Filter {
        closed: params.closed.unwrap_or_default(),
        tenant: params.tenant_id,
        kind: text("kind", params.kind)?,
    };
    let mut conn = cx.pool().acquire().await?;
    let found = findings::list(&mut conn, &filter, before, i64::from(limit) + 1).await?;
    let (found, next_cursor) = List::Findings.page(found, limit, |it| it.id);
    let findings = found.into_iter().map(finding).collect();
    Ok(Json(FindingPage { findings, next_cursor }))
}

fn finding(it: findings::Finding) -> Finding {
    Finding {
        finding_id: it.id,
        kind: it.kind,
        subject: FindingSubject { of: it.subject_type, id: it.subject_id },
        tenant_id: it.tenant_id.map(TenantId::new),
        message: it.sentence,
        fixable: it.fixable,
        first_seen: it.first_seen,
        last_seen: it.last_seen,
        closed_at: it.closed_at,
    }
}
