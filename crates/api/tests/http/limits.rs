//! What one process takes on at once, over real connections.

use std::time::Duration;

use domain::Role;
use futures::future::join_all;
use serde_json::json;
use sqlx::postgres::PgPoolOptions;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::{
    served::{PATIENCE, Served, everything, one_answer, status},
    support::{settings_of, tenant, token},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_slow_with_its_head_is_told_and_a_silent_one_is_let_go() {
    let api = Served::start(&[("TENANTRY__API__HEADER_TIMEOUT_MS", "200")]).await;

    let (slow, silent) = tokio::join!(api.say("GET /healthz HTTP/1.1\r\nhost: "), api.say(""));

    assert_eq!(status(&slow), 408, "{slow}");
    assert!(slow.contains("\"code\":\"head_timed_out\""), "{slow}");
    assert_eq!(silent, "");
    api.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_slow_with_its_body_is_told() {
    let api = Served::start(&[("TENANTRY__API__BODY_TIMEOUT_MS", "200")]).await;
    let whole = api.post("/api/v1/tenants/batch", "", &json!({ "tenants": [] }).to_string());
    let (most, _) = whole.split_at(whole.len() - 3);
    let mut stream = api.connect().await;

    stream.write_all(most.as_bytes()).await.unwrap();
    let answer = everything(&mut stream).await;

    assert_eq!(status(&answer), 408, "{answer}");
    assert!(answer.contains("\"code\":\"body_timed_out\""), "{answer}");
    api.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_large_or_has_too_many_headers_is_refused() {
    let api = Served::start(&[("TENANTRY__API__MAX_HEADER_BYTES", "2048")]).await;
    let with = |headers: &str| {
        format!("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n")
    };
    let many: String = (0..101).map(|n| format!("x-{n}: y\r\n")).collect();

    let fine = api.say(&with(&format!("x-a: {}\r\n", "y".repeat(1500)))).await;
    let large = api.say(&with(&format!("x-a: {}\r\n", "y".repeat(3000)))).await;
    let huge = api.say(&with(&format!("x-a: {}\r\n", "y".repeat(300_000)))).await;
    let many = api.say(&with(&many)).await;

    assert_eq!((status(&fine), status(&large)), (200, 431));
    assert_eq!((status(&huge), status(&many)), (431, 431));
    api.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_connections_is_told_to_come_back_while_health_is_answered() {
    let api = Served::start(&[("TENANTRY__API__MAX_CONNECTIONS", "2")]).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = api.connect().await;
        stream.write_all(api.get("/healthz").as_bytes()).await.unwrap();
        assert_eq!(status(&one_answer(&mut stream).await), 200);
        held.push(stream);
    }

    let call = api.get("/api/v1/batches");
    let flood = join_all((0..30).map(|_| api.say(&call)));
    let health = async {
        let mut answers = Vec::new();
        for path in ["/healthz", "/readyz", "/metrics"] {
            answers.push(api.say(&api.get(path)).await);
        }
        answers
    };
    let (flood, health) = tokio::join!(flood, health);
    let torrent = join_all((0..200).map(|_| api.say(&call))).await;

    for answer in flood.iter().chain(&torrent) {
        assert_eq!(status(answer), 503, "{answer}");
        assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
        assert!(answer.contains("\"code\":\"overloaded\""), "{answer}");
        assert!(answer.contains("connection: close\r\n"), "{answer}");
    }
    for answer in &health {
        assert_eq!(status(answer), 200, "{answer}");
    }
    held.pop();
    until(&api, &closing(&call), 200).await;
    api.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_call_too_many_is_told_to_come_back_and_health_is_not_counted() {
    let api = Served::start(&[("TENANTRY__API__MAX_IN_FLIGHT", "1")]).await;
    let call = closing(&api.get("/api/v1/batches"));

    let (busy, refused) = api.held_up(&call, 503).await;
    let health = api.say(&call.replace("/api/v1/batches", "/readyz")).await;

    assert_eq!(status(&refused), 503, "{refused}");
    assert!(refused.contains("retry-after: 1\r\n"), "{refused}");
    assert!(refused.contains("\"code\":\"overloaded\""), "{refused}");
    assert!(refused.contains("x-request-id: "), "{refused}");
    assert_eq!(status(&health), 200, "{health}");
    drop(busy);
    until(&api, &call, 200).await;
    api.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_operator_takes_its_share_of_the_calls_in_work_and_another_the_rest() {
    let api = Served::start(&[("TENANTRY__API__MAX_IN_FLIGHT_PER_OPERATOR", "1")]).await;
    let other = token(&api.db, "otto", Role::Operator).await;
    let call = closing(&api.get("/api/v1/batches"));
    let others_call = call.replace(&api.token, &other);

    let (busy, refused) = api.held_up(&call, 429).await;
    let others = api.say(&others_call).await;

    assert!(refused.contains("retry-after: 1\r\n"), "{refused}");
    assert!(refused.contains("\"code\":\"rate_limited\""), "{refused}");
    assert_eq!(status(&others), 200, "{others}");
    drop(busy);
    until(&api, &call, 200).await;
    api.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_wait_hold_no_place_and_one_operator_waits_a_bounded_number_of_times() {
    let api = Served::start(&[
        ("TENANTRY__API__MAX_IN_FLIGHT", "2"),
        ("TENANTRY__API__MAX_IN_FLIGHT_PER_OPERATOR", "1"),
        ("TENANTRY__API__MAX_WAITS_PER_OPERATOR", "3"),
    ])
    .await;
    let submit = |n| api.post("/api/v1/tenants", "prefer: wait=40\r\n", &tenant(n).to_string());
    let mut waiting = Vec::new();
    for n in 0..3 {
        let mut stream = api.connect().await;
        stream.write_all(submit(n).as_bytes()).await.unwrap();
        waiting.push(stream);
        batches(&api, i64::try_from(n).unwrap() + 1).await;
        // Its place is free again: it waits.
        until(&api, &closing(&api.get("/api/v1/batches")), 200).await;
    }

    let look = until(&api, &closing(&api.get("/api/v1/batches")), 200).await;
    let one_more = until(&api, &closing(&submit(3)), 202).await;

    assert!(look.contains("\"batches\""), "{look}");
    assert!(!one_more.contains("preference-applied"), "{one_more}");
    api.stop.cancel();
    for answer in join_all(waiting.iter_mut().map(everything)).await {
        assert_eq!(status(&answer), 202, "{answer}");
        assert!(answer.contains("preference-applied: wait=40\r\n"), "{answer}");
    }
    api.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_takes_its_share_of_the_connections_and_a_trusted_proxy_has_no_share() {
    let share = ("TENANTRY__API__MAX_CONNECTIONS_PER_ADDRESS", "2");
    let proxies = ("TENANTRY__API__TRUSTED_PROXIES", "127.0.0.9");
    let api = Served::start(&[share, proxies]).await;
    let call = closing(&api.get("/api/v1/batches"));
    let mut held = Vec::new();
    for (from, connections) in [("127.0.0.1", 2), ("127.0.0.9", 3)] {
        for _ in 0..connections {
            let mut stream = api.connect_from(from).await;
            stream.write_all(api.get("/healthz").as_bytes()).await.unwrap();
            assert_eq!(status(&one_answer(&mut stream).await), 200);
            held.push(stream);
        }
    }
    let mut answers = Vec::new();
    for from in ["127.0.0.1", "127.0.0.2", "127.0.0.9"] {
        let mut stream = api.connect_from(from).await;
        stream.write_all(call.as_bytes()).await.unwrap();
        answers.push(status(&everything(&mut stream).await));
    }

    assert_eq!(answers, [503, 200, 200]);
    api.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_closed_its_own_side_still_reads_its_answer() {
    let api = Served::start(&[]).await;
    for request in [
        api.get("/healthz"),
        api.post("/api/v1/tenants/batch", "", &json!({ "tenants": [tenant(1)] }).to_string()),
    ] {
        let mut stream = api.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();

        let answer = everything(&mut stream).await;

        assert!([200, 202].contains(&status(&answer)), "{answer}");
    }
    api.end().await;
}

/// Asks until the answer has this status; the other calls may not have got so far yet.
async fn until(api: &Served, call: &str, wanted: u16) -> String {
    let asking = async {
        loop {
            let answer = api.say(call).await;
            if status(&answer) == wanted {
                return answer;
            }
        }
    };
    timeout(PATIENCE, asking).await.expect("it is answered so")
}

/// `call`, after which the connection is closed.
fn closing(call: &str) -> String {
    call.replace("host: x", "host: x\r\nconnection: close")
}

/// Waits until there are `n` batches.
async fn batches(api: &Served, n: i64) {
    let all = async || {
        sqlx::query_scalar::<_, i64>("select count(*) from tenantry.operations")
            .fetch_one(&api.db.pool)
            .await
            .unwrap()
    };
    timeout(PATIENCE, async { while all().await < n {} }).await.expect("they are submitted");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_in_flight_at_the_stop_is_answered() {
    let api = Served::start(&[
        ("TENANTRY__API__MAX_WAITS_PER_OPERATOR", "200"),
        ("TENANTRY__API__MAX_IN_FLIGHT_PER_OPERATOR", "200"),
    ])
    .await;
    let mut idle = api.connect().await;
    idle.write_all(api.get("/healthz").as_bytes()).await.unwrap();
    one_answer(&mut idle).await;
    let mut in_flight = Vec::new();
    for n in 0..200 {
        let body = tenant(n).to_string();
        let mut stream = api.connect().await;
        let request = api.post("/api/v1/tenants", "prefer: wait=60\r\n", &body);
        stream.write_all(request.as_bytes()).await.unwrap();
        in_flight.push(stream);
    }
    batches(&api, 200).await;
    let mut fresh = Vec::new();
    for _ in 0..20 {
        fresh.push(api.connect().await);
    }

    api.stop.cancel();
    for stream in &mut fresh {
        stream.write_all(api.get("/healthz").as_bytes()).await.unwrap();
    }

    assert_eq!(everything(&mut idle).await, "");
    for answer in join_all(fresh.iter_mut().map(everything)).await {
        assert_eq!(status(&answer), 200, "{answer}");
    }
    for answer in join_all(in_flight.iter_mut().map(everything)).await {
        assert_eq!(status(&answer), 202, "{answer}");
        assert!(answer.contains("connection: close\r\n"), "{answer}");
    }
    let address = api.address;
    api.end().await;
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_pool_without_a_free_connection_is_an_overload_and_no_failure() {
    let db = harness::fresh_db().await;
    let token = token(&db, "olga", Role::Operator).await;
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_millis(100))
        .connect_with(store::with_settings(db.url.parse().unwrap()))
        .await
        .unwrap();
    let settings = settings_of(&db, &[]);
    let context = api::Context::new(settings, pool.clone(), CancellationToken::new()).unwrap();
    let router = api::router(context);
    let get = async |path: &str| {
        let request = axum::http::Request::get(path)
            .header("authorization", format!("Bearer {token}"))
            .body(axum::body::Body::empty());
        router.clone().oneshot(request.unwrap()).await.unwrap()
    };

    let only = pool.acquire().await.unwrap();
    let (call, ready, alive) =
        (get("/api/v1/batches").await, get("/readyz").await, get("/healthz").await);
    drop(only);
    let after = get("/api/v1/batches").await;

    assert_eq!((call.status().as_u16(), ready.status().as_u16()), (503, 503));
    assert_eq!(call.headers()["retry-after"], "1");
    let body = axum::body::to_bytes(call.into_body(), usize::MAX).await.unwrap();
    assert!(String::from_utf8_lossy(&body).contains("\"overloaded\""));
    assert_eq!((alive.status().as_u16(), after.status().as_u16()), (200, 200));
}
