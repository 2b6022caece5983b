//! Who may do what.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use domain::{OperationId, Role};
use serde_json::json;
use store::operators;

use crate::support::App;

/// Every call with a token, and the lowest role that may make it.
fn calls() -> Vec<(Method, String, Role)> {
    let batch = OperationId::mint();
    let (get, post, delete) = (Method::GET, Method::POST, Method::DELETE);
    vec![
        (get.clone(), "/tenants".into(), Role::Viewer),
        (get.clone(), "/tenants/1".into(), Role::Viewer),
        (get.clone(), "/tenants/1/status".into(), Role::Viewer),
        (get.clone(), "/tenants/1/history".into(), Role::Viewer),
        (get.clone(), "/tenants/1/health".into(), Role::Viewer),
        (post.clone(), "/tenants/1/check".into(), Role::Viewer),
        (get.clone(), "/findings".into(), Role::Viewer),
        (get.clone(), "/health/tenants".into(), Role::Viewer),
        (get.clone(), "/audit".into(), Role::Viewer),
        (get.clone(), "/batches".into(), Role::Viewer),
        (get.clone(), format!("/batches/{batch}"), Role::Viewer),
        (get.clone(), "/queue".into(), Role::Viewer),
        (get.clone(), format!("/batches/{batch}/results"), Role::Viewer),
        (post.clone(), "/tenants".into(), Role::Operator),
        (post.clone(), "/tenants/batch".into(), Role::Operator),
        (get.clone(), "/operations".to_owned(), Role::Viewer),
        (get.clone(), format!("/operations/{batch}"), Role::Viewer),
        (get.clone(), format!("/operations/{batch}/items"), Role::Viewer),
        (get.clone(), format!("/operations/{batch}/items/0"), Role::Viewer),
        (post.clone(), "/operations".to_owned(), Role::Operator),
        (post.clone(), format!("/operations/{batch}/cancel"), Role::Operator),
        (post.clone(), format!("/operations/{batch}/retry"), Role::Operator),
        (post.clone(), format!("/operations/{batch}/pause"), Role::Operator),
        (post.clone(), format!("/operations/{batch}/resume"), Role::Operator),
        (post.clone(), format!("/operations/{batch}/items/0/retry"), Role::Admin),
        (post.clone(), format!("/operations/{batch}/items/0/undo"), Role::Admin),
        (post.clone(), format!("/operations/{batch}/items/0/resolve"), Role::Admin),
        (post.clone(), format!("/operations/{batch}/items/0/skip"), Role::Admin),
        (post.clone(), format!("/operations/{batch}/promote"), Role::Admin),
        (get.clone(), "/rollouts".to_owned(), Role::Viewer),
        (get.clone(), format!("/rollouts/{batch}"), Role::Viewer),
        (post.clone(), format!("/batches/{batch}/cancel"), Role::Operator),
        (post.clone(), format!("/batches/{batch}/retry"), Role::Operator),
        (post.clone(), format!("/batches/{batch}/pause"), Role::Operator),
        (post.clone(), format!("/batches/{batch}/resume"), Role::Operator),
        (post.clone(), format!("/batches/{batch}/items/0/undo"), Role::Admin),
        (post.clone(), format!("/batches/{batch}/items/0/resolve"), Role::Admin),
        (post.clone(), "/queue/pause".into(), Role::Admin),
        (post.clone(), "/queue/resume".into(), Role::Admin),
        (post.clone(), format!("/batches/{batch}/api-keys/reveal"), Role::Operator),
        (post.clone(), format!("/operations/{batch}/api-keys/reveal"), Role::Operator),
        (get.clone(), "/tenants/1/keys".into(), Role::Viewer),
        (get.clone(), "/tenants/1/keys/1".into(), Role::Viewer),
        (post.clone(), "/keys/verify".into(), Role::Viewer),
        (post.clone(), "/tenants/1/keys".into(), Role::Operator),
        (post.clone(), "/tenants/1/keys/rotate".into(), Role::Operator),
        (post.clone(), "/tenants/1/keys/reveal".into(), Role::Operator),
        (Method::PATCH, "/tenants/1".into(), Role::Operator),
        (post.clone(), "/tenants/update".into(), Role::Operator),
        (post, "/tenants/1/keys/acknowledge".into(), Role::Operator),
        (delete.clone(), "/tenants/1/keys/1".into(), Role::Operator),
        (delete.clone(), format!("/batches/{batch}/api-keys"), Role::Operator),
        (delete, format!("/operations/{batch}/api-keys"), Role::Operator),
    ]
}

fn request(method: &Method, path: &str, token: &str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Body::empty())
        .unwrap()
}

#[tokio::test]
async fn each_role_may_do_its_own_and_no_more_under_both_prefixes() {
    let app = App::start().await;

    for (method, path, needed) in calls() {
        for prefix in ["/api", "/api/v1"] {
            for role in [Role::Viewer, Role::Operator, Role::Admin] {
                let path = format!("{prefix}{path}");
                let answer = app.send(request(&method, &path, app.token(role))).await;

                let forbidden = answer.status == StatusCode::FORBIDDEN;
                assert_eq!(forbidden, !role.allows(needed), "{method} {path} as {role}");
                assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path} as {role}");
                assert_ne!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
                if forbidden {
                    assert_eq!(answer.code(), "role_too_low");
                }
            }
        }
    }
}

#[tokio::test]
async fn without_a_live_token_every_call_is_refused_alike() {
    let app = App::start().await;

    for (method, path, _) in calls() {
        let path = format!("/api/v1{path}");
        let anonymous = Request::builder().method(&method).uri(&path).body(Body::empty()).unwrap();
        let anonymous = app.send(anonymous).await;
        let stranger = app.send(request(&method, &path, "tto_nobody")).await;

        for refused in [&anonymous, &stranger] {
            assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{method} {path}");
            assert_eq!(refused.headers[header::WWW_AUTHENTICATE], "Bearer");
        }
        assert_eq!(anonymous.body, stranger.body);
    }
}

#[tokio::test]
async fn a_revoked_or_expired_token_is_refused() {
    let app = App::start().await;
    let mut conn = app.db.pool.acquire().await.unwrap();
    operators::revoke(&mut conn, "vera").await.unwrap().expect("vera is there");
    sqlx::query("update tenantry.operator_tokens set expires_at = now() where name = 'ada'")
        .execute(&mut *conn)
        .await
        .unwrap();

    for role in [Role::Viewer, Role::Admin] {
        let answer = app.send(request(&Method::GET, "/api/batches", app.token(role))).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{role}");
    }
}

#[tokio::test]
async fn a_revocation_takes_effect_within_seconds_for_a_caller_that_was_just_let_in() {
    let app = App::start().await;
    let ask = || app.send(request(&Method::GET, "/api/batches", app.token(Role::Viewer)));
    assert_eq!(ask().await.status, StatusCode::OK);
    let mut conn = app.db.pool.acquire().await.unwrap();
    operators::revoke(&mut conn, "vera").await.unwrap().expect("vera is there");

    let revoked = std::time::Instant::now();
    while ask().await.status == StatusCode::OK {
        assert!(revoked.elapsed().as_secs_f64() < 5.0, "still let in");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_last_use_of_a_token_is_recorded() {
    let app = App::start().await;

    app.get("/batches").await;

    let used = "select count(*) from tenantry.operator_tokens where last_used_at is not null";
    assert_eq!(app.count(used).await, 1);
}

#[tokio::test]
async fn a_name_belongs_to_one_live_token_at_a_time() {
    let app = App::start().await;
    let mut conn = app.db.pool.acquire().await.unwrap();
    let new =
        |hash| operators::NewOperator { name: "vera", role: Role::Viewer, hash, expires_at: None };

    let taken = operators::create(&mut conn, new(&[1; 32])).await.unwrap();
    operators::revoke(&mut conn, "vera").await.unwrap();
    let free = operators::create(&mut conn, new(&[1; 32])).await.unwrap();

    assert!(taken.is_none() && free.is_some());
    let listed = operators::list(&mut conn).await.unwrap();
    assert_eq!(listed.iter().filter(|o| o.name == "vera").count(), 2);
    assert_eq!(listed.iter().filter(|o| o.name == "vera" && o.revoked_at.is_none()).count(), 1);
}

#[tokio::test]
async fn a_caller_that_asks_too_often_is_told_when_to_come_back() {
    let app = App::start_with(&[
        ("TENANTRY__API__BURST", "3"),
        ("TENANTRY__API__REQUESTS_PER_SECOND", "1"),
    ])
    .await;

    let mut last = app.get("/batches").await;
    for _ in 0..3 {
        last = app.get("/batches").await;
    }

    assert_eq!((last.status, last.code()), (StatusCode::TOO_MANY_REQUESTS, "rate_limited"));
    let secs: u64 = last.headers[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!(secs >= 1);
}

/// Calls `path` from `address` with `token`.
fn from(address: [u8; 4], path: &str, token: &str) -> Request<Body> {
    let mut request = request(&Method::GET, path, token);
    let peer = std::net::SocketAddr::from((address, 4711));
    request.extensions_mut().insert(axum::extract::ConnectInfo(peer));
    request
}

/// A token of the right form that no operator has.
fn forged() -> String {
    keys::OperatorToken::mint().expose().to_owned()
}

#[tokio::test]
async fn a_flood_of_wrong_tokens_costs_an_honest_caller_at_the_same_address_nothing() {
    let app = App::start_with(&[
        ("TENANTRY__API__BURST", "5"),
        ("TENANTRY__API__REQUESTS_PER_SECOND", "1"),
    ])
    .await;
    let (attacker, path) = ([10, 0, 0, 1], "/api/v1/batches");
    let mut refused = Vec::new();
    for n in 0..200 {
        let wrong = if n % 2 == 0 { forged() } else { format!("x{n}") };
        refused.push(app.send(from(attacker, path, &wrong)).await.status.as_u16());
    }

    let mut honest = Vec::new();
    for role in [Role::Viewer, Role::Operator, Role::Admin] {
        honest.push(app.send(from(attacker, path, app.token(role))).await.status.as_u16());
    }

    assert_eq!(refused[..5], [401; 5]);
    assert!(refused[100..].iter().filter(|status| **status == 429).count() > 90, "{refused:?}");
    assert_eq!(honest, [200; 3]);
}

#[tokio::test]
async fn a_token_without_the_form_of_one_and_one_that_was_wrong_before_ask_the_database_nothing() {
    let app = App::start().await;
    let (path, wrong) = ("/api/v1/batches", forged());
    app.send(request(&Method::GET, path, &wrong)).await;
    app.db.pool.close().await;

    let again = app.send(request(&Method::GET, path, &wrong)).await;
    let formless = app.send(request(&Method::GET, path, "x7")).await;
    let unknown = app.send(request(&Method::GET, path, &forged())).await;

    assert_eq!((again.status.as_u16(), formless.status.as_u16()), (401, 401));
    assert_eq!(unknown.status.as_u16(), 503, "{unknown:?}");
}

#[tokio::test]
async fn tokens_that_are_looked_up_together_are_each_found() {
    let app = App::start().await;
    let (forged, path): (Vec<String>, _) =
        ((0..200).map(|_| forged()).collect(), "/api/v1/batches");
    let known = [Role::Viewer, Role::Operator, Role::Admin].map(|role| app.token(role).to_owned());
    let all: Vec<&String> = forged.iter().chain(&known).collect();

    let asked = all.iter().map(|token| app.send(request(&Method::GET, path, token)));
    let answers = futures::future::join_all(asked).await;

    let good: Vec<u16> = answers[200..].iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(good, [200; 3]);
    assert!(answers[..200].iter().all(|answer| answer.status == StatusCode::UNAUTHORIZED));
}

#[tokio::test]
async fn the_audit_names_the_client_that_a_trusted_proxy_names_and_no_other() {
    let app = App::start_with(&[("TENANTRY__API__TRUSTED_PROXIES", "10.0.0.0/8")]).await;
    for (n, peer) in [[10, 0, 0, 1], [9, 9, 9, 9]].into_iter().enumerate() {
        let body = json!({ "tenants": [crate::support::tenant(n)] }).to_string();
        let mut request = app.request(Method::POST, "/tenants/batch").body(body.into()).unwrap();
        request.headers_mut().insert("x-forwarded-for", "1.2.3.4, 5.6.7.8".parse().unwrap());
        let peer = std::net::SocketAddr::from((peer, 4711));
        request.extensions_mut().insert(axum::extract::ConnectInfo(peer));
        assert_eq!(app.send(request).await.status, StatusCode::ACCEPTED);
    }

    let audited = "select address from tenantry.audit_log order by id";
    let told: Vec<String> = sqlx::query_scalar(audited).fetch_all(&app.db.pool).await.unwrap();

    assert_eq!(told, ["5.6.7.8", "9.9.9.9"]);
}
