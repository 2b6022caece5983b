//! `PATCH /tenants/{id}` and `POST /tenants/update`: changes of one tenant, and of each of a list.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::HeaderMap,
    response::Response,
};
use contract::{Operation, TenantPatch, TenantUpdate};
use domain::{Kind, Mode, TenantId};

use super::{life::One, operations::awaited};
use crate::{
    context::Context,
    http::{
        auth::CanOperate,
        body::Document,
        etag::if_match,
        openapi::{BadSubmission, Common, NotFound, OnceHeader, WaitHeader},
        parameters::Id,
        problem::{Problem, ProblemBody},
        wait::Held,
    },
    submission::{
        ask::{Outcome, ask},
        changes,
        idempotency::{self, fingerprint},
        operation::{AskedOperation, Params, Tenants},
        read::{read_lines, with_time},
    },
    views::Under,
};

/// Change a tenant
///
/// The body is a JSON merge patch (RFC 7396): a field that it does not name stays, `null` removes
/// `external_id`, `description`, a label or a setting, which gets its default back. The registry and the
/// tenant's own row change together. Waits its turn behind other operations on the tenant.
///
/// `If-Match` takes an `ETag` of `GET /tenants/{id}`. If the tenant was changed since, nothing is done.
/// That is checked now, and again when its turn has come.
#[utoipa::path(
    patch,
    path = "/tenants/{id}",
    tag = "tenants",
    params(
        ("id" = TenantId, Path, description = "The tenant"),
        ("If-Match" = Option<String>, Header, pattern = r#"^(\*|"[0-9a-f-]+")$"#,
            description = "An `ETag` of the tenant, or `*`"),
        WaitHeader,
        OnceHeader,
    ),
    request_body(content(
        (TenantPatch = "application/merge-patch+json"),
        (TenantPatch = "application/json"),
    )),
    responses(
        (status = 202, description = "Accepted; the operation is at `Location`", body = Operation),
        (status = 200, description = "Over within the wait", body = Operation),
        (status = 409, description = "The tenant is in another state (`wrong_tenant_state`), or another tenant \
            has the name (`domain_taken`, `external_id_taken`)",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "The tenant was changed since (`precondition_failed`)",
            body = ProblemBody, content_type = "application/problem+json"),
        NotFound,
        BadSubmission,
        Common,
    ),
)]
pub(crate) async fn update_tenant(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    held: Held,
    headers: HeaderMap,
    Id(id): Id<TenantId>,
    document: Document,
) -> Result<Response, Problem> {
    let if_match = if_match(&headers)?;
    let call = format!("update {id} if {if_match:?}");
    let change = changes::one(document.text("a patch")?, &cx.policy, if_match)?;
    let one = One { cx: &cx, caller: &caller, headers: &headers, held: &held };
    one.call(call, id, Kind::Update, Params::UpdateEach(vec![change]), document).await
}

/// Change many tenants, each in another way
///
/// The body has a tenant a line: its id, and what `PATCH /tenants/{id}` takes. One operation, with an item for
/// each line in their order. If a line is wrong, or names a tenant that is not there or a name that another
/// tenant has, every such line is named, up to 100 of them, and nothing is recorded. To change many tenants in
/// the same way, send `POST /operations` with kind `update`.
#[utoipa::path(
    post,
    path = "/tenants/update",
    tag = "tenants",
    params(WaitHeader, OnceHeader),
    request_body(content((TenantUpdate = "application/x-ndjson"))),
    responses(
        (status = 202, description = "Accepted; the operation is at `Location`", body = Operation),
        (status = 200, description = "Over within the wait", body = Operation),
        BadSubmission,
        Common,
    ),
)]
pub(crate) async fn update_tenants(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    held: Held,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let key = idempotency::key(&headers)?;
    let lines = Arc::new(read_lines(&cx, request).await?);
    let (read, policy, is_keyed) = (Arc::clone(&lines), cx.policy.clone(), key.is_some());
    let ((ids, each), hash) = with_time(move || {
        let hash = is_keyed.then(|| fingerprint("updates", Mode::Independent, None, &read));
        Ok((changes::list(&read, &policy)?, hash))
    })
    .await?;
    let (params, tenants) = (Params::UpdateEach(each), Tenants::Listed(ids));
    let asked = AskedOperation::at_once(Kind::Update, params, tenants);
    let Outcome::Operation(id) = ask(&cx, &caller, &asked, key.zip(hash)).await? else {
        return Err(Problem::internal("tenants that were there came to nothing"));
    };
    awaited(&cx, &held, Under::Operations, id).await
}
