//! Every act through the API leaves one audit row: who did what, to which batch and tenant, and by
//! which request.

use axum::{body::Body, http::Request};
use domain::{OperationId, Role};
use serde_json::{Value, json};

use crate::{
    item_story,
    support::{App, tenants},
    undo_failed::stuck,
};

/// What a route changes, what has to be there before, and what the audit says of it.
pub(crate) struct Act {
    pub(crate) route: &'static str,
    pub(crate) before: Before,
    pub(crate) body: Value,
    action: &'static str,
    of_tenant: bool,
}

impl Act {
    pub(crate) fn headers(&self) -> &'static [(&'static str, &'static str)] {
        match self.route {
            "POST /tenants/update" => &[("content-type", "application/x-ndjson")],
            _ => &[("content-type", "application/json")],
        }
    }

    /// Method and path, of `operation` or of tenant 1.
    pub(crate) fn call(&self, operation: Option<OperationId>) -> (&'static str, String) {
        let (method, path) = self.route.split_once(' ').unwrap();
        if self.route == "DELETE /tenants/{id}" {
            return (method, DELETE.to_owned());
        }
        if self.route == "POST /tenants/{id}/release" {
            return (method, DELETE.replace('?', "/release?"));
        }
        let id = operation.map_or_else(|| "1".to_owned(), |id| id.to_string());
        (method, path.replace("{id}", &id).replace("{index}", "1").replace("{key}", "1"))
    }
}

/// What has to be there before an act.
pub(crate) enum Before {
    Nothing,
    Queued,
    Cancelled,
    Paused,
    Succeeded,
    UndoFailed,
    QueuePaused,
    Fleet,
    Suspended,
    Deleting,
    Held,
    Protected,
    Migration,
    MigrationCancelled,
    MigrationPaused,
    Rollout,
    Stuck,
}

/// With the name that the first tenant of [`App::enlist`] has.
const DELETE: &str = "/tenants/1?confirm=Acme%200";

/// One line a route. A new route that changes something needs a line, and so an audit row.
pub(crate) fn acts() -> Vec<Act> {
    let act = |route, before, action| {
        let body = json!({ "note": "dropped by hand" });
        Act { route, before, body, action, of_tenant: false }
    };
    let of_tenant = |act| Act { of_tenant: true, ..act };
    let batch = json!({ "tenants": tenants(2) });
    let tenant = tenants(1).remove(0);
    vec![
        Act { body: batch, ..act("POST /tenants/batch", Before::Nothing, "operation.submitted") },
        Act { body: tenant, ..act("POST /tenants", Before::Nothing, "operation.submitted") },
        act("POST /batches/{id}/cancel", Before::Queued, "operation.cancelled"),
        Act {
            body: Value::Null,
            ..act("POST /batches/{id}/retry", Before::Cancelled, "operation.retried")
        },
        act("POST /batches/{id}/pause", Before::Queued, "operation.paused"),
        act("POST /batches/{id}/resume", Before::Paused, "operation.resumed"),
        act("POST /batches/{id}/items/{index}/undo", Before::UndoFailed, "item.undo_retried"),
        of_tenant(act(
            "POST /batches/{id}/items/{index}/resolve",
            Before::UndoFailed,
            "item.resolved",
        )),
        of_tenant(act("POST /batches/{id}/api-keys/reveal", Before::Succeeded, "keys.revealed")),
        of_tenant(act("DELETE /batches/{id}/api-keys", Before::Succeeded, "keys.acknowledged")),
        of_tenant(act("POST /operations/{id}/api-keys/reveal", Before::Succeeded, "keys.revealed")),
        of_tenant(act("DELETE /operations/{id}/api-keys", Before::Succeeded, "keys.acknowledged")),
        of_tenant(Act {
            body: json!({ "kind": "migrate", "tenants": [1], "params": { "direction": "up" } }),
            ..act("POST /operations", Before::Fleet, "operation.submitted")
        }),
        of_tenant(Act {
            body: json!({ "reason": "unpaid" }),
            ..act("POST /tenants/{id}/suspend", Before::Fleet, "operation.submitted")
        }),
        of_tenant(act("POST /tenants/{id}/resume", Before::Suspended, "operation.submitted")),
        of_tenant(act("DELETE /tenants/{id}", Before::Fleet, "operation.submitted")),
        of_tenant(act("POST /tenants/{id}/undelete", Before::Deleting, "operation.submitted")),
        of_tenant(Act {
            body: json!({ "reason": "a court" }),
            ..act("PUT /tenants/{id}/hold", Before::Fleet, "tenant.held")
        }),
        of_tenant(act("DELETE /tenants/{id}/hold", Before::Held, "tenant.hold_released")),
        of_tenant(act("PUT /tenants/{id}/deletion-protection", Before::Fleet, "tenant.protected")),
        of_tenant(act(
            "DELETE /tenants/{id}/deletion-protection",
            Before::Protected,
            "tenant.unprotected",
        )),
        Act {
            body: json!({ "tenants": [{ "tenant_name": "A", "domain": "a.example", "schema_name": "legacy" }] }),
            ..act("POST /tenants/import", Before::Nothing, "operation.submitted")
        },
        of_tenant(act("POST /tenants/{id}/release", Before::Fleet, "operation.submitted")),
        of_tenant(Act {
            body: json!({ "description": "moved" }),
            ..act("PATCH /tenants/{id}", Before::Fleet, "operation.submitted")
        }),
        of_tenant(Act {
            body: json!({ "id": 1, "patch": { "description": "moved" } }),
            ..act("POST /tenants/update", Before::Fleet, "operation.submitted")
        }),
        of_tenant(Act {
            body: Value::Null,
            ..act("POST /tenants/{id}/keys", Before::Fleet, "key.issued")
        }),
        of_tenant(Act {
            body: Value::Null,
            ..act("POST /tenants/{id}/keys/rotate", Before::Fleet, "keys.rotated")
        }),
        of_tenant(act("POST /tenants/{id}/keys/reveal", Before::Fleet, "keys.revealed")),
        of_tenant(act("POST /tenants/{id}/keys/acknowledge", Before::Fleet, "keys.acknowledged")),
        of_tenant(act("DELETE /tenants/{id}/keys/{key}", Before::Fleet, "key.revoked")),
        act("POST /operations/{id}/cancel", Before::Migration, "operation.cancelled"),
        Act {
            body: Value::Null,
            ..act("POST /operations/{id}/retry", Before::MigrationCancelled, "operation.retried")
        },
        act("POST /operations/{id}/pause", Before::Migration, "operation.paused"),
        act("POST /operations/{id}/resume", Before::MigrationPaused, "operation.resumed"),
        Act {
            body: json!({ "all": true }),
            ..act("POST /operations/{id}/promote", Before::Rollout, "rollout.promoted")
        },
        of_tenant(Act {
            body: json!({ "reason": "on Sunday" }),
            ..act("POST /operations/{id}/items/{index}/skip", Before::Rollout, "item.skipped")
        }),
        act("POST /operations/{id}/items/{index}/retry", Before::Stuck, "item.retried"),
        act("POST /operations/{id}/items/{index}/undo", Before::UndoFailed, "item.undo_retried"),
        of_tenant(act(
            "POST /operations/{id}/items/{index}/resolve",
            Before::Stuck,
            "item.resolved",
        )),
        act("POST /queue/pause", Before::Nothing, "queue.paused"),
        act("POST /queue/resume", Before::QueuePaused, "queue.resumed"),
    ]
}

impl Before {
    /// The batch that the act is about; `None` for acts that are about none or make one.
    pub(crate) async fn prepare(&self, app: &App) -> Option<OperationId> {
        let steer = async |batch: OperationId, what: &str| {
            app.command(&format!("/batches/{batch}/{what}"), &Value::Null).await;
        };
        match self {
            Self::Nothing => return None,
            Self::QueuePaused => {
                app.command("/queue/pause", &Value::Null).await;
                return None;
            }
            Self::UndoFailed => return Some(stuck(app).await),
            Self::Fleet => {
                app.enlist(1).await;
                return None;
            }
            Self::Suspended => {
                app.enlist(1).await;
                app.command("/tenants/1/suspend", &Value::Null).await;
                return None;
            }
            Self::Deleting | Self::Held | Self::Protected => {
                app.enlist(1).await;
                let call = match self {
                    Self::Deleting => ("DELETE", DELETE),
                    Self::Held => ("PUT", "/tenants/1/hold"),
                    _ => ("PUT", "/tenants/1/deletion-protection"),
                };
                let answer = app.send_as(Role::Admin, call, &[], &Value::Null).await;
                assert!(answer.status.is_success(), "{answer:?}");
                return None;
            }
            Self::Migration
            | Self::MigrationCancelled
            | Self::MigrationPaused
            | Self::Rollout
            | Self::Stuck => {
                return Some(self.migration(app).await);
            }
            Self::Queued | Self::Cancelled | Self::Paused | Self::Succeeded => {}
        }
        let batch = app.submit(tenants(1)).await;
        match self {
            Self::Cancelled => steer(batch, "cancel").await,
            Self::Paused => steer(batch, "pause").await,
            Self::Succeeded => drop(app.succeed(batch, 1).await),
            _ => {}
        }
        Some(batch)
    }
}

impl Before {
    async fn migration(&self, app: &App) -> OperationId {
        app.enlist(2).await;
        if let Self::Stuck = self {
            return item_story::stuck(app).await;
        }
        if let Self::Rollout = self {
            return app.roll_out(&[1, 2]).await;
        }
        let id = app.migrate(&[1, 2]).await;
        let steer = async |what: &str| {
            app.command(&format!("/operations/{id}/{what}"), &Value::Null).await;
        };
        match self {
            Self::MigrationCancelled => steer("cancel").await,
            Self::MigrationPaused => steer("pause").await,
            _ => {}
        }
        id
    }
}

/// Routes that answer a question although they are no GET: what is asked is a secret, and no URL's; or it has
/// to be looked at anew.
const QUESTIONS: [&str; 2] = ["POST /keys/verify", "POST /tenants/{id}/check"];

pub(crate) async fn description(app: &App) -> Value {
    let request = Request::get("/openapi.json").body(Body::empty()).unwrap();
    app.send(request).await.body
}

/// `METHOD /path` of each route that changes something, by the API's own description.
async fn routes_that_change(app: &App) -> Vec<String> {
    let description = description(app).await;
    let paths = description["paths"].as_object().unwrap();
    let mut routes: Vec<String> = paths
        .iter()
        .flat_map(|(path, methods)| {
            let changes = methods.as_object().unwrap().keys().filter(|it| *it != "get");
            let path = path.trim_start_matches("/api/v1");
            changes.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .filter(|route| !QUESTIONS.contains(&route.as_str()))
        .collect();
    routes.sort_unstable();
    routes
}

#[tokio::test]
async fn every_route_that_changes_something_is_held_to_its_audit_row() {
    let app = App::start().await;
    let mut held: Vec<&str> = acts().iter().map(|act| act.route).collect();
    held.sort_unstable();

    assert_eq!(routes_that_change(&app).await, held);
}

#[tokio::test]
async fn every_act_leaves_one_row_of_who_did_what_to_which_by_which_request() {
    for act in acts() {
        let app = App::start().await;
        let route = act.route;
        let batch = act.before.prepare(&app).await;
        let rows = "select count(*) from tenantry.audit_log";
        let before = app.count(rows).await;

        let (method, path) = act.call(batch);
        let headers = [("x-request-id", "req-of-the-act"), ("tenantry-actor", "Bea Büro")];
        let headers = [&headers[..], act.headers()].concat();
        let answer = app.send_as(Role::Admin, (method, &path), &headers, &act.body).await;

        assert!(answer.status.is_success(), "{route}: {answer:?}");
        let about = batch.or_else(|| id_in(&answer.body));
        let about = about.filter(|_| !route.contains("/queue"));
        assert_eq!(app.count(rows).await, before + 1, "{route}");
        let row: (String, String, Option<uuid::Uuid>, bool) = sqlx::query_as(
            "select actor, action, operation_id, tenant_id is not null from tenantry.audit_log
             where request_id = 'req-of-the-act' and role = 'admin' and on_behalf_of = 'Bea Büro'
               and (personal is null or tenant_id is not null)",
        )
        .fetch_one(&app.db.pool)
        .await
        .unwrap();
        let told = (row.0.as_str(), row.1.as_str(), row.2.map(OperationId::new), row.3);
        assert_eq!(told, ("operator:ada", act.action, about, act.of_tenant), "{route}");
    }
}

/// The batch or the operation that an answer shows.
fn id_in(body: &Value) -> Option<OperationId> {
    body["batch_id"].as_str().or(body["operation_id"].as_str())?.parse().ok()
}

#[tokio::test]
async fn an_act_that_is_refused_leaves_no_row() {
    let app = App::start().await;
    let over = app.submit(vec![json!({})]).await;
    let rows = "select count(*) from tenantry.audit_log";
    let before = app.count(rows).await;

    for act in acts().iter().filter(|act| act.route.contains("{id}")) {
        let (method, path) = act.route.split_once(' ').unwrap();
        let unknown = path.replace("{id}", &OperationId::mint().to_string());
        let unknown = unknown.replace("{index}", "1").replace("{key}", "1");
        let request = app.request(method.parse().unwrap(), &unknown);
        let answer = app.send(request.body(Body::from("{}")).unwrap()).await;
        assert!(answer.status.is_client_error(), "{}: {answer:?}", act.route);
    }
    app.command(&format!("/batches/{over}/cancel"), &Value::Null).await;
    app.command("/queue/resume", &Value::Null).await;

    assert_eq!(app.count(rows).await, before);
}
