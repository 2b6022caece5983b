//! A check is asked for and its report told; findings are listed.

use std::time::Duration;

use axum::http::StatusCode;
use domain::TenantHealth;
use serde_json::Value;
use store::{
    checks::{self, Drifted, Look, Reason},
    findings::{self, Sighting, Subject},
};

use crate::support::{Answer, App};

/// What a worker would tell.
fn unwell() -> Look {
    let reason = |code: &str, message: &str| Reason { code: code.into(), message: message.into() };
    Look {
        duration: Duration::from_millis(31),
        schema_valid: false,
        db_accessible: true,
        health: TenantHealth::Unhealthy,
        reasons: vec![
            reason("shape_differs", "table person does not exist"),
            reason("sequence_behind", "sequence s is behind"),
        ],
        drift: Some(vec![Drifted { object: "table person".into(), difference: "missing".into() }]),
    }
}

/// A check that is asked for while a worker looks at what is asked for.
async fn checked(app: &App) -> Answer {
    let worker = async {
        let mut conn = app.db.pool.acquire().await.unwrap();
        loop {
            if let Some(taken) = checks::take_asked(&mut conn).await.unwrap() {
                let week = Duration::from_secs(7 * 86_400);
                checks::record(&mut conn, taken, &unwell(), week).await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        answer = app.post("/tenants/1/check", &Value::Null) => answer,
        () = worker => unreachable!("it goes on for ever"),
    }
}

#[tokio::test]
async fn a_check_is_answered_with_the_report_of_a_look_that_began_after_it_was_asked_for() {
    let app = App::start().await;
    app.enlist(1).await;
    let never = app.get("/tenants/1/health").await;
    assert_eq!((never.status, never.code()), (StatusCode::NOT_FOUND, "never_checked"));

    let answer = checked(&app).await;

    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let body = &answer.body;
    assert_eq!((&body["tenant_id"], &body["status"]), (&1.into(), &"active".into()));
    let told = (&body["schema_valid"], &body["db_accessible"], &body["overall_health"]);
    assert_eq!(told, (&false.into(), &true.into(), &"unhealthy".into()));
    assert_eq!(body["error"], "table person does not exist; sequence s is behind");
    assert_eq!(body["reasons"][0]["code"], "shape_differs");
    assert_eq!(body["duration_ms"], 31);
    let drift = serde_json::json!([{ "object": "table person", "difference": "missing" }]);
    assert_eq!((&body["drift"], &body["health_since"]), (&drift, &body["checked_at"]));
    for text in ["tenant_name", "schema_name", "checked_at", "next_check_at"] {
        assert!(body[text].is_string(), "{text}: {body}");
    }
    let stored = app.get("/tenants/1/health").await;
    assert_eq!((stored.status, &stored.body), (StatusCode::OK, body));
    let status = app.get("/tenants/1/status").await.body;
    assert_eq!(status["checked_at"], body["checked_at"]);
    let shown = app.get("/tenants/1").await.body;
    assert_eq!(shown["checked_at"], body["checked_at"]);
    assert_eq!(shown["schema_status"], status["schema_status"]);

    let again = checked(&app).await;

    assert!(again.body["checked_at"].as_str() > body["checked_at"].as_str(), "{again:?}");
    assert_eq!(again.body["health_since"], body["health_since"], "it is as it was");
}

#[tokio::test]
async fn a_check_that_no_worker_makes_says_so_and_one_of_no_tenant_is_refused() {
    let app = App::start_with(&[("TENANTRY__API__REQUEST_TIMEOUT_MS", "1500")]).await;
    app.enlist(3).await;
    app.execute("update tenantry.tenants set state = 'pending' where id = 2").await;
    app.execute("update tenantry.tenants set state = 'suspended' where id = 3").await;
    let operations = "select count(*) from tenantry.operations";
    let before = app.count(operations).await;

    for (path, status, code) in [
        ("/tenants/1/check", 503, "not_checked_yet"),
        ("/tenants/3/check", 503, "not_checked_yet"),
        ("/tenants/2/check", 409, "wrong_tenant_state"),
        ("/tenants/99/check", 404, "tenant_not_found"),
    ] {
        let answer = app.post(path, &Value::Null).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{path}");
        assert_eq!(answer.headers.contains_key("retry-after"), status == 503, "{path}");
    }
    assert_eq!(app.get("/tenants/99/health").await.code(), "tenant_not_found");
    let asked = "select count(*) from tenantry.tenant_checks where asked_at is not null";
    assert_eq!(app.count(asked).await, 2, "a worker that comes later finds them");
    assert_eq!(app.count(operations).await, before, "a check is no operation");
}

#[tokio::test]
async fn findings_are_listed_by_page_tenant_and_kind_open_or_closed() {
    let app = App::start().await;
    let mut conn = app.db.pool.acquire().await.unwrap();
    let sighting = |kind, of: &str, id: &str| Sighting {
        kind,
        subject: Subject { of: of.to_owned(), id: id.to_owned() },
        sentence: format!("{of} {id} is wrong"),
        fixable: of == "job",
    };
    for seen in [
        sighting("shape_differs", "tenant", "1"),
        sighting("shape_differs", "tenant", "2"),
        sighting("job_without_item", "job", "J1"),
        sighting("own_row_differs", "tenant", "1"),
    ] {
        findings::record(&mut conn, vec![seen]).await.unwrap();
    }
    app.execute("update tenantry.findings set closed_at = now() where kind = 'own_row_differs'")
        .await;
    let listed = async |query: &str| {
        let body = app.get(&format!("/findings{query}")).await.body;
        let rows = body["findings"].as_array().unwrap_or_else(|| panic!("{query}: {body}"));
        let ids: Vec<_> = rows.iter().map(|it| it["finding_id"].as_i64().unwrap()).collect();
        (ids, body["next_cursor"].as_str().map(str::to_owned))
    };

    assert_eq!(listed("").await, (vec![3, 2, 1], None));
    assert_eq!(listed("?kind=shape_differs").await, (vec![2, 1], None));
    assert_eq!(listed("?tenant_id=1").await, (vec![1], None));
    assert_eq!(listed("?tenant_id=1&closed=true").await, (vec![4], None));
    assert_eq!(listed("?closed=true&kind=own_row_differs").await, (vec![4], None));
    assert_eq!(listed("?closed=true").await, (vec![4], None));
    let (first, next) = listed("?limit=2").await;
    let rest = listed(&format!("?limit=2&cursor={}", next.unwrap())).await;
    assert_eq!((first, rest), (vec![3, 2], (vec![1], None)));
    let of_job = app.get("/findings?kind=job_without_item").await.body["findings"][0].clone();
    let told = (&of_job["subject"]["type"], &of_job["subject"]["id"], &of_job["fixable"]);
    assert_eq!(told, (&"job".into(), &"J1".into(), &true.into()));
    assert_eq!((&of_job["tenant_id"], &of_job["closed_at"]), (&Value::Null, &Value::Null));
    for wrong in ["?tenant_id=0", "?limit=0", "?cursor=x", "?closed=maybe", "?since=now"] {
        let status = app.get(&format!("/findings{wrong}")).await.status;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn the_health_of_all_tenants_is_told_by_page_and_counted() {
    let app = App::start().await;
    app.enlist(5).await;
    app.execute("update tenantry.tenants set state = 'suspended' where id = 4").await;
    app.execute("update tenantry.tenants set state = 'deleting' where id = 5").await;
    app.execute(
        r#"insert into tenantry.tenant_checks (tenant_id, next_due, checked_at, schema_valid, db_accessible,
               overall_health, reasons, drift)
           values (1, now(), now(), true, true, 'healthy', '[]', '[]'),
                  (2, now(), now(), false, true, 'unhealthy', '[{"code": "shape_differs", "message": "a"}]',
                      '[{"object": "table a", "difference": "missing"}]'),
                  (4, now(), now(), false, false, 'error', '[]', null)"#,
    )
    .await;
    let listed = async |query: &str| {
        let body = app.get(&format!("/health/tenants{query}")).await.body;
        let rows = body["tenants"].as_array().unwrap_or_else(|| panic!("{query}: {body}"));
        let told = rows.iter().map(|it| {
            format!("{} {} {}", it["tenant_id"], it["overall_health"], it["drifted"])
                .replace('"', "")
        });
        (told.collect::<Vec<_>>(), body["next_cursor"].as_str().map(str::to_owned))
    };

    let all = ["1 healthy false", "2 unhealthy true", "3 error null", "4 error null"];
    assert_eq!(listed("").await, (all.map(str::to_owned).to_vec(), None));
    assert_eq!(listed("?health=unhealthy").await.0, [all[1]]);
    assert_eq!(listed("?health=error").await.0, [all[3]], "3 was not looked at yet");
    let (first, next) = listed("?limit=3").await;
    assert_eq!(first, all[..3]);
    assert_eq!(listed(&format!("?limit=3&cursor={}", next.unwrap())).await.0, all[3..]);
    let body = app.get("/health/tenants?limit=2").await.body;
    assert_eq!(
        body["summary"],
        serde_json::json!({ "total_tenants": 4, "healthy": 1, "unhealthy": 1, "error": 1, "unchecked": 1,
            "drifted": 1, "is_exact": true })
    );
    assert_eq!(
        (&body["tenants"][0]["error"], &body["tenants"][1]["error"]),
        (&Value::Null, &"a".into())
    );
    let third = app.get("/health/tenants").await.body["tenants"][2].clone();
    assert_eq!(
        (&third["checked_at"], &third["reasons"][0]["code"]),
        (&Value::Null, &"never_checked".into())
    );
    for wrong in ["?health=well", "?limit=0", "?cursor=x", "?page=1"] {
        let status = app.get(&format!("/health/tenants{wrong}")).await.status;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}
