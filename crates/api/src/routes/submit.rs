//! `POST /tenants/batch` and `POST /tenants`: many tenants at once, or one as a batch of one.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use contract::{
    Batch, BatchRequest, CreatedTenant, DryRun, OriginalForm, OriginalTenant, ResultForm,
    RevealedKeys, TenantRequest,
};
use domain::{ItemError, Kind, Mode, NewTenant, TenantId};
use sqlx::{Connection as _, PgConnection, Postgres, pool::PoolConnection};
use store::{items, tenants};

use super::operations::accepted;
use crate::{
    context::Context,
    http::{
        auth::{Caller, CanOperate},
        body::Document,
        openapi::{BadSubmission, Common, OnceHeader, WaitHeader},
        parameters::Params,
        prefer::Form,
        problem::{FieldProblem, Problem, ProblemBody},
        wait::Held,
    },
    reveal::{self, Of, Page},
    submission::{
        admit::{Submission, Submitted, submit},
        idempotency,
        read::{How, SentBatch, Slices, read},
        try_out::try_out,
    },
    views::{Under, result_form},
};

/// Submit a batch
///
/// Records the batch, reserves every name that is free, and queues one job per tenant: all of it
/// or nothing. A tenant that is invalid, or whose names are taken, is recorded as failed at once
/// and harms no other. NDJSON (`application/x-ndjson`) has one tenant a line; `mode` and `run_at`
/// are query parameters then.
///
/// With `"mode": "atomic"` it is all or nothing: no tenant is visible before all are built, and
/// one that fails has the others undone. One that is refused at once ends the batch at once,
/// `rolled_back`, with nothing reserved.
///
/// With `run_at` the names are reserved at once and the work begins then; its deadline counts from
/// there.
///
/// With `dry_run=true` nothing is written: the answer is 200 and says of each tenant what it would come to.
///
/// With `Prefer: wait=N` the answer is held up to N seconds; if the batch is over by then, it is
/// 200 with the whole result, API keys included. With `Idempotency-Key` the same request, compared as
/// a JSON value, is one batch however often it is sent within 24 hours; a replayed answer has no API
/// keys.
#[utoipa::path(
    post,
    path = "/tenants/batch",
    tag = "tenants",
    params(How, WaitHeader, OnceHeader),
    request_body(content(
        (BatchRequest = "application/json"),
        (TenantRequest = "application/x-ndjson"),
    )),
    responses(
        (status = 202, description = "Accepted; the batch is at `Location`", body = Batch),
        (status = 200, description = "Over within the wait; or of a dry run", content(
            (ResultForm = "application/json"), (DryRun = "application/json"),
        )),
        BadSubmission,
        Common,
    ),
)]
pub(crate) async fn submit_batch(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Params(how): Params<How>,
    held: Held,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let (key, dry_run) = (idempotency::key(&headers)?, how.dry_run);
    let SentBatch { tenants, mode, run_at } = read(&cx, request, how).await?;
    let tenants = Arc::new(tenants);
    if dry_run {
        return Ok(Json(try_out(&cx, Kind::Provision, &tenants, run_at).await?).into_response());
    }
    let (caller, call, kind) = (&caller, "batch", Kind::Provision);
    let submission = Submission { caller, call, kind, tenants, mode, run_at, key };
    let submitted = submit(&cx, submission).await?;
    let sent = Sent { cx: &cx, caller, held: &held, submitted };
    sent.batch().await
}

/// Create one tenant
///
/// A batch of one, with the headers of `POST /tenants/batch`. Without `Prefer: wait` it is 202 with
/// the batch; with it, and done in time, 201 with the tenant and its API key. What is invalid or
/// taken is an error of this call.
#[utoipa::path(
    post,
    path = "/tenants",
    tag = "tenants",
    params(WaitHeader, OnceHeader),
    request_body = TenantRequest,
    responses(
        (status = 202, description = "Accepted; the batch is at `Location`", body = Batch),
        (status = 201, description = "Active within the wait", body = CreatedTenant),
        (status = 409, description = "A name is taken (`domain_taken`, `schema_taken`, \
            `external_id_taken`, `name_taken`), or the batch was cancelled",
            body = ProblemBody, content_type = "application/problem+json"),
        BadSubmission,
        Common,
    ),
)]
pub(crate) async fn create_tenant(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    held: Held,
    headers: HeaderMap,
    document: Document,
) -> Result<Response, Problem> {
    let key = idempotency::key(&headers)?;
    check(&cx, &document)?;
    let tenants = Arc::new(Slices::one(document.bytes, document.room));
    let (caller, call, kind) = (&caller, "tenant", Kind::Provision);
    let mode = Mode::Independent;
    let submission = Submission { caller, call, kind, tenants, mode, run_at: None, key };
    let submitted = submit(&cx, submission).await?;
    let sent = Sent { cx: &cx, caller, held: &held, submitted };
    sent.tenant().await
}

/// Whether the body is a tenant.
fn check(cx: &Context, document: &Document) -> Result<(), Problem> {
    match NewTenant::parse(document.text("one tenant")?, &cx.policy) {
        Ok(_) => Ok(()),
        Err(errors) => {
            let all = ItemError::from(&errors);
            let errors = errors.told().iter().map(FieldProblem::from).collect();
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let code = all.code.as_str().to_owned();
            Err(Problem::new(status, code, all.told()).with_errors(errors))
        }
    }
}

/// A submission that was admitted, and how its caller wants it answered.
struct Sent<'a> {
    cx: &'a Context,
    caller: &'a Caller,
    held: &'a Held,
    submitted: Submitted,
}

impl Sent<'_> {
    async fn batch(self) -> Result<Response, Problem> {
        // Without a wait there is no look: the batch is as it was submitted.
        let status = self.held.status(self.cx, self.submitted.batch).await?;
        let finished = status == StatusCode::OK;
        match self.held.wait.form() {
            Form::V1 if finished => Ok(self.held.told(Json(self.results().await?))),
            _ => self.not_created(finished).await,
        }
    }

    async fn tenant(self) -> Result<Response, Problem> {
        let batch = self.submitted.batch;
        // Without a wait, one look: what was refused at submission is over already.
        if !self.held.finished(self.cx, batch).await? {
            return self.not_created(false).await;
        }
        let mut conn = self.cx.pool().acquire().await?;
        let item = items::results(&mut conn, batch, None, None, None, 1).await?.pop();
        let item = item.ok_or_else(|| Under::Batches.not_found(batch))?;
        match (item.tenant_id, item.error) {
            (Some(tenant), None) if self.held.wait.duration().is_some() => {
                self.created(tenant, conn).await
            }
            (_, None) => {
                drop(conn);
                self.not_created(false).await
            }
            (_, Some(error)) => Err(Problem::of_item(error, batch)),
        }
    }

    /// What became of each tenant, with their keys the first time that it is asked for.
    async fn results(&self) -> Result<ResultForm, Problem> {
        let keys_for = (!self.submitted.replayed).then_some(self.caller);
        result_form::read(self.cx, self.submitted.batch, keys_for).await
    }

    /// The batch, which is `finished` or not.
    async fn not_created(&self, finished: bool) -> Result<Response, Problem> {
        let Self { cx, submitted: Submitted { batch, .. }, .. } = self;
        if self.held.wait.form() == Form::V1 {
            return Ok(self.held.told(accepted(cx, Under::Batches, *batch).await?));
        }
        let status = if finished { StatusCode::OK } else { StatusCode::ACCEPTED };
        let location = [(header::LOCATION, Under::Batches.path(cx.public_path(), *batch))];
        let results = OriginalForm::from(self.results().await?);
        Ok(self.held.told((status, location, Json(results))))
    }

    async fn created(
        &self,
        id: TenantId,
        mut conn: PoolConnection<Postgres>,
    ) -> Result<Response, Problem> {
        let answer = match self.held.wait.form() {
            Form::V1 => Json(self.created_tenant(id, &mut conn).await?).into_response(),
            Form::Original => {
                drop(conn);
                Json(OriginalTenant::of(self.results().await?)).into_response()
            }
        };
        let path = format!("{}/api/v1/tenants/{id}", self.cx.public_path());
        Ok(self.held.told((StatusCode::CREATED, [(header::LOCATION, path)], answer)))
    }

    async fn created_tenant(
        &self,
        id: TenantId,
        conn: &mut PgConnection,
    ) -> Result<CreatedTenant, Problem> {
        let Self { cx, caller, submitted: Submitted { batch, replayed }, .. } = *self;
        let mut tx = conn.begin().await?;
        let found = tenants::find(&mut tx, id).await?;
        let found = found.ok_or_else(|| Problem::tenant_not_found(id))?;
        let mut keys = match replayed {
            true => RevealedKeys::default(),
            false => {
                reveal::reveal(&mut tx, cx, caller, Of::Operation(batch), &Page::default()).await?
            }
        };
        tx.commit().await?;
        Ok(CreatedTenant {
            tenant: super::tenants::view(found),
            api_key: keys.keys.pop().map(|key| key.api_key),
            api_key_unreadable: keys.unreadable.pop().map(|key| key.reason),
            batch_id: batch,
        })
    }
}
