//! What is done to one tenant that is there: `POST /tenants/{id}/suspend` and `/resume`, operations of one.

use axum::{extract::State, http::HeaderMap, response::Response};
use contract::Operation;
use domain::{Kind, Mode, Suspend, TenantId};

use super::operations::awaited;
use crate::{
    context::Context,
    http::{
        auth::{Caller, CanOperate},
        body::Document,
        openapi::{BadSubmission, Common, NotFound, OnceHeader, WaitHeader},
        parameters::Id,
        problem::{Problem, ProblemBody},
        wait::Held,
    },
    submission::{
        ask::{Outcome, ask},
        idempotency::{self, fingerprint},
        operation::{AskedOperation, Params, Tenants, suspension},
        read::Slices,
    },
    views::Under,
};

/// Suspend a tenant
///
/// From the answer on the tenant is `suspended`: nothing resolves it. Within a second its role can no longer
/// log in or use the schema, and its sessions have ended, whatever else works on the tenant. Its data is
/// untouched, and migrations go on. On a suspended tenant it sets reason and time anew.
#[utoipa::path(
    post,
    path = "/tenants/{id}/suspend",
    tag = "tenants",
    params(("id" = TenantId, Path, description = "The tenant"), WaitHeader, OnceHeader),
    request_body(content = Option<Suspend>, description = "Why, and until when; may be left out"),
    responses(
        (status = 202, description = "Accepted; the operation is at `Location`", body = Operation),
        (status = 200, description = "Over within the wait", body = Operation),
        (status = 409, description = "The tenant is in another state (`wrong_tenant_state`)",
            body = ProblemBody, content_type = "application/problem+json"),
        NotFound,
        BadSubmission,
        Common,
    ),
)]
pub(crate) async fn suspend_tenant(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    held: Held,
    headers: HeaderMap,
    Id(id): Id<TenantId>,
    document: Document,
) -> Result<Response, Problem> {
    let params = Params::Suspend(suspension("", document.json_if_any()?)?);
    let one = One { cx: &cx, caller: &caller, headers: &headers, held: &held };
    one.tenant(id, Kind::Suspend, params, document).await
}

/// Resume a suspended tenant
///
/// Gives its role back what it could do before. Waits its turn behind other operations on the tenant.
#[utoipa::path(
    post,
    path = "/tenants/{id}/resume",
    tag = "tenants",
    params(("id" = TenantId, Path, description = "The tenant"), WaitHeader, OnceHeader),
    responses(
        (status = 202, description = "Accepted; the operation is at `Location`", body = Operation),
        (status = 200, description = "Over within the wait", body = Operation),
        (status = 409, description = "The tenant is in another state (`wrong_tenant_state`)",
            body = ProblemBody, content_type = "application/problem+json"),
        NotFound,
        BadSubmission,
        Common,
    ),
)]
pub(crate) async fn resume_tenant(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    held: Held,
    headers: HeaderMap,
    Id(id): Id<TenantId>,
    document: Document,
) -> Result<Response, Problem> {
    document.json_if_any()?;
    let one = One { cx: &cx, caller: &caller, headers: &headers, held: &held };
    one.tenant(id, Kind::Resume, Params::Nothing, document).await
}

/// A call about one tenant.
pub(super) struct One<'a> {
    pub(super) cx: &'a Context,
    pub(super) caller: &'a Caller,
    pub(super) headers: &'a HeaderMap,
    pub(super) held: &'a Held,
}

impl One<'_> {
    pub(super) async fn tenant(
        self,
        id: TenantId,
        kind: Kind,
        params: Params,
        document: Document,
    ) -> Result<Response, Problem> {
        // What the query asks for is part of the request.
        self.call(format!("{kind} {id} {params:?}"), id, kind, params, document).await
    }

    /// The same; `call` names what its body does not say.
    pub(super) async fn call(
        self,
        call: String,
        id: TenantId,
        kind: Kind,
        params: Params,
        document: Document,
    ) -> Result<Response, Problem> {
        let Self { cx, held, .. } = self;
        let key = idempotency::key(self.headers)?;
        let body = Slices::one(document.bytes, document.room);
        let key = key.map(|key| (key, fingerprint(&call, Mode::Independent, None, &body)));
        let asked = AskedOperation::at_once(kind, params, Tenants::One(id));
        let Outcome::Operation(operation) = ask(cx, self.caller, &asked, key).await? else {
            return Err(Problem::internal("a tenant that was there came to nothing"));
        };
        awaited(cx, held, Under::Operations, operation).await
    }
}
