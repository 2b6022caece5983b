//! The API keys of one tenant: issued, rotated, revoked, revealed and verified.

use std::collections::BTreeSet;

use axum::http::{StatusCode, header};
use chrono::{DateTime, Utc};
use domain::{TenantId, TenantName};
use keys::{MasterKeys, Minter};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::support::{Answer, App, MASTER_KEY, tenants};

/// 32 bytes in hex, for tests only.
const OTHER_KEY: &str = "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

const HOUR: i64 = 3600;

impl App {
    /// `n` active tenants without a key.
    async fn keyless(&self, n: usize) {
        let batch = self.submit(tenants(n)).await;
        self.succeed(batch, 1000).await;
        self.execute("truncate tenantry.api_keys restart identity").await;
    }

    /// The first tenant gets a key; the answer and the secret.
    pub(crate) async fn issue(&self) -> (Value, String) {
        secret(self.post("/tenants/1/keys", &Value::Null).await)
    }

    async fn rotate(&self, overlap_hours: u32) -> (Value, String) {
        let body = json!({ "overlap_hours": overlap_hours });
        secret(self.post("/tenants/1/keys/rotate", &body).await)
    }

    async fn verify(&self, key: &str) -> Answer {
        self.post("/keys/verify", &json!({ "api_key": key })).await
    }

    /// `ok`, or the code of the refusal.
    pub(crate) async fn verdict(&self, key: &str) -> String {
        let answer = self.verify(key).await;
        match answer.status {
            StatusCode::OK => "ok".to_owned(),
            status => {
                assert_eq!(status, StatusCode::FORBIDDEN, "{answer:?}");
                answer.code().to_owned()
            }
        }
    }

    /// The states of the first tenant's keys.
    async fn key_states(&self) -> Vec<String> {
        let answer = self.get("/tenants/1/keys").await;
        let keys = answer.body["keys"].as_array().unwrap_or_else(|| panic!("{answer:?}"));
        keys.iter().map(|key| key["status"].as_str().unwrap().to_owned()).collect()
    }
}

fn secret(answer: Answer) -> (Value, String) {
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let secret = answer.body["api_key"].as_str().unwrap().to_owned();
    (answer.body, secret)
}

/// Seconds from now to the time in this field.
fn seconds_to(key: &Value, field: &str) -> i64 {
    let at: DateTime<Utc> = key[field].as_str().unwrap_or_else(|| panic!("{key}")).parse().unwrap();
    (at - Utc::now()).num_seconds()
}

#[tokio::test]
async fn an_issued_key_is_shown_once_listed_without_its_secret_and_verified() {
    let app = App::start().await;
    app.keyless(1).await;

    let answer = app.post("/tenants/1/keys", &json!({ "expires_days": 2 })).await;
    let location = answer.headers[header::LOCATION].to_str().unwrap().to_owned();
    let (key, secret) = secret(answer);
    let shown = app.get(location.strip_prefix("/api/v1").unwrap()).await;
    let listed = app.get("/tenants/1/keys").await;
    let verified = app.verify(&secret).await;

    assert_eq!((&key["tenant_id"], &key["status"]), (&json!(1), &json!("live")));
    assert!((47 * HOUR..=48 * HOUR).contains(&seconds_to(&key, "expires_at")), "{key}");
    assert!(seconds_to(&key, "revealable_until") > 23 * HOUR, "{key}");
    assert_eq!(listed.body["keys"], json!([shown.body]));
    assert_eq!(shown.body["last4"], secret[secret.len() - 4..]);
    assert!(secret.starts_with(shown.body["prefix"].as_str().unwrap()));
    assert!(!shown.text.contains(&secret) && !listed.text.contains(&secret));
    let tenant = app.get("/tenants/1").await.body;
    for field in ["tenant_id", "tenant_name", "domain", "status"] {
        assert_eq!(verified.body[field], tenant[field], "{field}");
    }
    assert_eq!(verified.body["key_id"], key["key_id"]);
}

#[tokio::test]
async fn a_tenant_has_two_live_keys_at_most_however_many_are_asked_for_at_once() {
    let app = App::start().await;
    app.keyless(1).await;

    let asked = (0..8).map(|_| app.post("/tenants/1/keys", &Value::Null));
    let answers = futures::future::join_all(asked).await;

    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 2, "{statuses:?}");
    let refused = answers.iter().filter(|answer| answer.code() == "too_many_keys");
    assert_eq!(refused.count(), 6, "{statuses:?}");
    assert_eq!(app.key_states().await, ["live", "live"]);
    // What has ended makes room.
    app.execute("update tenantry.api_keys set expires_at = now() where id = 1").await;
    app.issue().await;
}

#[tokio::test]
async fn a_rotated_key_stays_good_for_the_overlap() {
    let app = App::start().await;
    app.keyless(1).await;
    let (_, old) = app.issue().await;

    let (_, new) = secret(app.post("/tenants/1/keys/rotate", &Value::Null).await);
    let third = app.post("/tenants/1/keys/rotate", &Value::Null).await;
    let keys = app.get("/tenants/1/keys").await.body["keys"].clone();

    assert_eq!((app.verdict(&old).await, app.verdict(&new).await), ("ok".into(), "ok".into()));
    assert!((23 * HOUR..=24 * HOUR).contains(&seconds_to(&keys[0], "expires_at")), "{keys}");
    assert_eq!(keys[1]["expires_at"], Value::Null);
    assert_eq!((third.status.as_u16(), third.code()), (409, "too_many_keys"));
    // Refused, it has left the new key as it was.
    assert_eq!(app.key_states().await, ["live", "live"]);
    app.execute("update tenantry.api_keys set expires_at = now() where id = 1").await;
    assert_eq!(
        (app.verdict(&old).await, app.verdict(&new).await),
        ("key_expired".into(), "ok".into())
    );
}

#[tokio::test]
async fn without_an_overlap_every_key_before_ends_at_once() {
    let app = App::start().await;
    app.keyless(1).await;
    let ((_, first), (_, second)) = (app.issue().await, app.issue().await);

    let (_, new) = app.rotate(0).await;

    for old in [&first, &second] {
        assert_eq!(app.verdict(old).await, "key_expired");
    }
    assert_eq!(app.verdict(&new).await, "ok");
    assert_eq!(app.key_states().await, ["expired", "expired", "live"]);
    let revealed = app.post("/tenants/1/keys/reveal", &Value::Null).await.body;
    assert_eq!(revealed["keys"].as_array().map(Vec::len), Some(1), "{revealed}");
}

#[tokio::test]
async fn an_overlap_never_makes_a_key_live_longer() {
    let app = App::start().await;
    app.keyless(1).await;
    secret(app.post("/tenants/1/keys", &json!({ "expires_days": 1 })).await);

    app.rotate(100).await;

    let keys = app.get("/tenants/1/keys").await.body["keys"].clone();
    assert!(seconds_to(&keys[0], "expires_at") <= 24 * HOUR, "{keys}");
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once_and_only_its_own_tenant_has_it() {
    let app = App::start().await;
    app.keyless(2).await;
    let (key, old) = app.issue().await;
    let (_, other) = app.issue().await;
    let path = format!("/tenants/1/keys/{}", key["key_id"]);

    let strangers = app.delete(&path.replace("tenants/1", "tenants/2")).await;
    let before = app.verdict(&old).await;
    let revoked = app.delete(&path).await;
    let twice = app.delete(&path).await;

    assert_eq!((strangers.status.as_u16(), strangers.code()), (404, "key_not_found"));
    assert_eq!(before, "ok");
    assert_eq!((revoked.status.as_u16(), &revoked.body["status"]), (200, &json!("revoked")));
    assert_eq!(revoked.body["revealable_until"], Value::Null);
    assert_eq!(twice.body["revoked_at"], revoked.body["revoked_at"]);
    assert_eq!(app.verdict(&old).await, "key_revoked");
    assert_eq!(app.verdict(&other).await, "ok");
    let audited = app.audited().await;
    assert_eq!(audited.iter().filter(|action| *action == "key.revoked").count(), 1, "{audited:?}");
}

#[tokio::test]
async fn a_key_is_refused_unless_its_tenant_is_active() {
    let app = App::start().await;
    app.keyless(1).await;
    let (_, key) = app.issue().await;
    let stranger = Minter::new("tk_", 32).unwrap().mint(&TenantName::parse("Acme").unwrap());
    let until = "2999-01-31T08:00:00Z";

    app.command("/tenants/1/suspend", &json!({ "reason": "unpaid", "until": until })).await;
    let suspended = app.verify(&key).await;
    app.execute("update tenantry.tenants set state = 'pending'").await;
    let pending = app.verdict(&key).await;

    assert_eq!((suspended.status.as_u16(), suspended.code()), (403, "tenant_suspended"));
    assert_eq!(suspended.body["suspension"]["reason"], "unpaid");
    assert_eq!(suspended.body["suspension"]["until"], until);
    assert_eq!(pending, "key_unknown");
    for unknown in [stranger.expose(), "", "tk_acme_1", &key[..key.len() - 1], "\u{0}"] {
        assert_eq!(app.verdict(unknown).await, "key_unknown", "{unknown:?}");
    }
    for wrong in [json!({ "api_key": [key] }), json!([key]), json!({ "api_key": key, (&key): 1 })] {
        let wrong = app.post("/keys/verify", &wrong).await;
        assert_eq!((wrong.status.as_u16(), wrong.code()), (422, "invalid_field"));
        assert!(!wrong.text.contains(&key), "{}", wrong.text);
    }
}

#[tokio::test]
async fn the_last_use_is_recorded_once_a_minute_and_never_for_a_refused_key() {
    let app = App::start().await;
    app.keyless(1).await;
    let (_, key) = app.issue().await;
    let used = async || -> (Option<DateTime<Utc>>, String) {
        let sql = "select last_used_at, xmin::text from tenantry.api_keys";
        sqlx::query_as(sql).fetch_one(&app.db.pool).await.unwrap()
    };

    assert_eq!(used().await.0, None);
    app.verify(&key).await;
    let first = used().await;
    app.verify(&key).await;
    let again = used().await;
    app.execute("update tenantry.api_keys set last_used_at = now() - interval '61 s'").await;
    app.verify(&key).await;
    let later = used().await;
    app.execute("update tenantry.api_keys set last_used_at = null, revoked_at = now()").await;
    app.verify(&key).await;

    assert!(first.0.is_some());
    assert_eq!(first, again);
    assert!(later.0 >= first.0, "{later:?}");
    assert_eq!(used().await.0, None);
}

#[tokio::test]
async fn a_request_that_is_sent_twice_issues_one_key() {
    let app = App::start().await;
    app.keyless(1).await;
    let with_key = [("idempotency-key", "k1")];
    let issue = async || app.post_with("/tenants/1/keys", &with_key, &json!({})).await;

    let together = futures::future::join_all((0..4).map(|_| issue())).await;
    let rotated = app.post_with("/tenants/1/keys/rotate", &with_key, &json!({})).await;
    let batch = app.post_with("/tenants/batch", &with_key, &json!({ "tenants": tenants(9) })).await;
    app.issue().await;
    // It is not refused although there are two keys by now.
    let again = issue().await;
    app.post("/tenants/1/keys/acknowledge", &Value::Null).await;
    let acknowledged = issue().await;

    let told = |answer: &Answer| (answer.body["key_id"].clone(), answer.body["api_key"].clone());
    let first = told(&together[0]);
    assert!(first.1.is_string(), "{:?}", together[0]);
    for answer in together.iter().chain([&again]) {
        assert_eq!((answer.status.as_u16(), told(answer)), (201, first.clone()));
    }
    assert_eq!((acknowledged.status.as_u16(), told(&acknowledged)), (201, (first.0, Value::Null)));
    for other in [rotated, batch] {
        assert_eq!((other.status.as_u16(), other.code()), (422, "idempotency_key_reused"));
    }
    let issued = app.audited().await.into_iter().filter(|action| action == "key.issued");
    assert_eq!(issued.count(), 2);
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_its_field() {
    let app = App::start().await;
    app.keyless(1).await;
    let wrong = [
        ("/tenants/1/keys", json!({ "expires_days": 0 }), "/expires_days"),
        ("/tenants/1/keys", json!({ "expires_days": 36_501 }), "/expires_days"),
        ("/tenants/1/keys", json!({ "overlap_hours": 1 }), ""),
        ("/tenants/1/keys/rotate", json!({ "overlap_hours": 8_761 }), "/overlap_hours"),
        ("/tenants/1/keys/rotate", json!({ "overlap_hours": -1 }), ""),
        ("/tenants/1/keys/rotate", json!([]), ""),
    ];

    for (path, body, pointer) in wrong {
        let answer = app.post(path, &body).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (422, "invalid_field"), "{body}");
        assert_eq!(answer.body["errors"][0]["pointer"], pointer, "{body}");
    }
    for path in ["/tenants/7/keys", "/tenants/7/keys/rotate", "/tenants/7/keys/reveal"] {
        let answer = app.post(path, &Value::Null).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (404, "tenant_not_found"), "{path}");
    }
    app.execute("update tenantry.tenants set state = 'pending'").await;
    for path in ["/tenants/1/keys", "/tenants/1/keys/rotate"] {
        let answer = app.post(path, &Value::Null).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (409, "wrong_tenant_state"), "{path}");
    }
    assert_eq!(app.key_states().await, [""; 0]);
}

#[tokio::test]
async fn keys_are_listed_in_pages() {
    let app = App::start().await;
    app.keyless(1).await;
    for _ in 0..5 {
        app.rotate(0).await;
    }

    let (mut seen, mut cursor) = (BTreeSet::new(), String::new());
    for size in [2, 2, 1] {
        let page = app.get(&format!("/tenants/1/keys?limit=2{cursor}")).await.body;
        let ids = page["keys"].as_array().unwrap().iter().map(|it| it["key_id"].as_i64().unwrap());
        let before = seen.len();
        seen.extend(ids);
        assert_eq!(seen.len(), before + size, "{page}");
        cursor = page["next_cursor"].as_str().map(|it| format!("&cursor={it}")).unwrap_or_default();
    }

    assert_eq!((seen.len(), cursor.as_str()), (5, ""));
    let foreign = app.get("/tenants/1/keys?cursor=czox").await;
    assert_eq!((foreign.status.as_u16(), foreign.code()), (400, "invalid_parameter"));
}

#[tokio::test]
async fn a_new_key_is_sealed_with_the_installations_master_key() {
    let app = App::start_with(&[("TENANTRY_MASTER_KEY_PREVIOUS", OTHER_KEY)]).await;
    app.keyless(1).await;
    let mut conn = app.db.pool.acquire().await.unwrap();
    let sealed = async || -> Vec<u8> {
        let sql = "select sealed from tenantry.api_keys order by id desc limit 1";
        sqlx::query_scalar(sql).fetch_one(&app.db.pool).await.unwrap()
    };
    for master_key in [OTHER_KEY, MASTER_KEY] {
        let sealer = app.sealer(master_key).await;
        let id = sealer.ids().next().unwrap().to_string();
        store::master_keys::replace(&mut conn, &id).await.unwrap();

        app.rotate(0).await;

        assert!(sealer.open(&sealed().await, TenantId::new(1)).is_ok(), "{master_key}");
    }
    let unknown = MasterKeys::parse(&SecretString::from("ee".repeat(32)), None).unwrap();
    let id = unknown.sealer(b"").ids().next().unwrap().to_string();
    store::master_keys::replace(&mut conn, &id).await.unwrap();

    let refused = app.post("/tenants/1/keys/rotate", &Value::Null).await;

    assert_eq!((refused.status.as_u16(), refused.code()), (500, "internal"));
}

#[tokio::test]
async fn the_secret_of_an_issued_key_is_nowhere_else() {
    let app = App::start().await;
    app.keyless(1).await;
    let (key, secret) = app.issue().await;
    app.verify(&secret).await;
    app.post_with("/tenants/1/keys/rotate", &[("idempotency-key", "k")], &Value::Null).await;

    for path in ["/tenants/1", "/tenants/1/keys", "/tenants/1/status"] {
        assert!(!app.get(path).await.text.contains(&secret), "{path}");
    }
    let id = key["key_id"].as_i64().unwrap();
    assert!(!app.get(&format!("/tenants/1/keys/{id}")).await.text.contains(&secret));
    for sql in [
        "select coalesce(string_agg(t::text, ''), '') from tenantry.audit_log t",
        "select coalesce(string_agg(t::text, ''), '') from tenantry.idempotency_keys t",
        "select coalesce(string_agg(t::text, ''), '') from tenantry.api_keys t",
    ] {
        let all: String = sqlx::query_scalar(sql).fetch_one(&app.db.pool).await.unwrap();
        assert!(!all.is_empty() && !all.contains(&secret), "{sql}");
    }
}
