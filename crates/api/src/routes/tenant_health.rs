//! `GET /health/tenants`: how all tenants are, by what workers saw.

use axum::{Json, extract::State};
use contract::{CheckReason, TenantHealthPage, TenantHealthReport, TenantHealthSummary};
use domain::{TenantHealth, TenantId};
use serde::Deserialize;
use store::health::{self, Counts, Health};

use super::checks::reasons;
use crate::{
    context::Context,
    http::{
        auth::CanView,
        cursor::List,
        openapi::{BadParameter, Common},
        parameters::{Params, limit, word},
        problem::Problem,
    },
};

/// Most tenants of one page.
const MOST: u32 = 1000;

#[derive(Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct HealthParams {
    /// Only tenants in this health.
    #[param(value_type = Option<TenantHealth>)]
    health: Option<String>,
    /// Start after this `next_cursor` of this list, and of no other text.
    #[param(min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
    /// At most this many, 1 to 1000; 100 without it.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

/// Show the health of all tenants
///
/// What the last look at each came to: nothing is looked at now. Workers look at each tenant by and by
/// (`checks.every_days`); `POST /tenants/{id}/check` has one looked at at once.
#[utoipa::path(
    get,
    path = "/health/tenants",
    tag = "tenants",
    params(HealthParams),
    responses(
        (status = 200, description = "Active and suspended tenants, by id", body = TenantHealthPage),
        BadParameter,
        Common,
    ),
)]
pub(crate) async fn list_tenant_health(
    _: CanView,
    State(cx): State<Context>,
    Params(params): Params<HealthParams>,
) -> Result<Json<TenantHealthPage>, Problem> {
    let limit = limit(params.limit, 100, MOST)?;
    let after =
        params.cursor.as_deref().map(|it| List::Health.after::<TenantId>(it)).transpose()?;
    let wanted = word("health", params.health.as_deref(), TenantHealth::ALL)?;
    let mut conn = cx.pool().acquire().await?;
    let found = health::page(&mut conn, wanted, after, i64::from(limit) + 1).await?;
    let counts = health::counts(&mut conn).await?;
    let (found, next_cursor) = List::Health.page(found, limit, |it| it.tenant);
    let tenants = found.into_iter().map(report).collect();
    Ok(Json(TenantHealthPage { tenants, summary: summary(counts), next_cursor }))
}

fn report(it: Health) -> TenantHealthReport {
    let (health, seen) = match it.seen {
        Some(seen) => (seen.health, Some(seen)),
        None => (TenantHealth::Error, None),
    };
    let (reasons, error) = match &seen {
        Some(seen) => reasons(health, seen.reasons.clone()),
        None => never_checked(),
    };
    TenantHealthReport {
        tenant_id: it.tenant,
        tenant_name: it.name,
        schema_name: it.schema,
        status: it.state.into(),
        schema_valid: seen.as_ref().is_some_and(|it| it.schema_valid),
        db_accessible: seen.as_ref().is_some_and(|it| it.db_accessible),
        overall_health: health.into(),
        error,
        reasons,
        drifted: seen.as_ref().and_then(|it| it.drifted),
        health_since: seen.as_ref().and_then(|it| it.since),
        checked_at: seen.map(|it| it.at),
    }
}

fn never_checked() -> (Vec<CheckReason>, Option<String>) {
    let message = "no worker has looked at it yet".to_owned();
    let reason = CheckReason { code: "never_checked".to_owned(), message: message.clone() };
    (vec![reason], Some(message))
}

fn summary(counts: Counts) -> TenantHealthSummary {
    let Counts { active, suspended, healthy, unhealthy, error, drifted } = counts;
    let total_tenants = active + suspended;
    TenantHealthSummary {
        total_tenants,
        healthy,
        unhealthy,
        error,
        unchecked: (total_tenants - healthy - unhealthy - error).max(0),
        drifted,
        is_exact: counts.are_exact(),
    }
}
