//! An API on a fresh database, and the words of these tests.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use domain::{OperationId, Role, TenantId};
use harness::Db;
use keys::{ApiKey, MasterKeys, Minter, OperatorToken, Sealer};
use secrecy::SecretString;
use serde_json::{Value, json};
use settings::{Profile, Settings};
use sqlx::PgPool;
use store::{api_keys, operators};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// 32 bytes in hex, for tests only.
pub(crate) const MASTER_KEY: &str =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

pub(crate) struct App {
    pub(crate) db: Db,
    pub(crate) router: Router,
    pub(crate) stop: CancellationToken,
    viewer: String,
    operator: String,
    admin: String,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// Null when the body is no JSON.
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or("no code")
    }

    pub(crate) fn batch(&self) -> OperationId {
        let id = self.body["batch_id"].as_str().unwrap_or_else(|| panic!("no batch in {self:?}"));
        id.parse().unwrap()
    }
}

impl App {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(settings: &[(&str, &str)]) -> Self {
        let db = harness::fresh_db().await;
        let pool = db.pool.clone();
        Self::on(db, pool, settings).await
    }

    /// An API that reaches `db` through `pool`.
    pub(crate) async fn on(db: Db, pool: PgPool, settings: &[(&str, &str)]) -> Self {
        let stop = CancellationToken::new();
        let context = api::Context::new(settings_of(&db, settings), pool, stop.clone()).unwrap();
        let router = api::router(context);
        let viewer = token(&db, "vera", Role::Viewer).await;
        let operator = token(&db, "olga", Role::Operator).await;
        let admin = token(&db, "ada", Role::Admin).await;
        Self { db, router, stop, viewer, operator, admin }
    }

    pub(crate) fn token(&self, role: Role) -> &str {
        match role {
            Role::Viewer => &self.viewer,
            Role::Operator => &self.operator,
            Role::Admin => &self.admin,
        }
    }

    /// A request as the operator, `path` below /api/v1.
    pub(crate) fn request(&self, method: Method, path: &str) -> axum::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.operator))
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, text, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_with(path, &[], body).await
    }

    pub(crate) async fn post_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        self.send_as(Role::Operator, ("POST", path), headers, body).await
    }

    /// `call` is its method and path.
    pub(crate) async fn send_as(
        &self,
        role: Role,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token(role)));
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// The batch that `tenants` became.
    pub(crate) async fn submit(&self, tenants: Vec<Value>) -> OperationId {
        let answer = self.post("/tenants/batch", &json!({ "tenants": tenants })).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        answer.batch()
    }

    /// Runs one statement.
    pub(crate) async fn execute(&self, sql: &'static str) {
        sqlx::query(sql).execute(&self.db.pool).await.unwrap();
    }

    /// As the admin.
    pub(crate) async fn command(&self, path: &str, body: &Value) -> Answer {
        self.command_with(path, &[], body).await
    }

    pub(crate) async fn command_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        self.send_as(Role::Admin, ("POST", path), headers, body).await
    }

    /// Jobs in the queue for items of `batch`.
    pub(crate) async fn with_jobs(&self, batch: OperationId) -> i64 {
        sqlx::query_scalar(
            "select count(*) from tenantry.operation_items i join apalis.jobs j
                  on (convert_from(j.job, 'UTF8')::jsonb ->> 'item')::bigint = i.id
             where i.operation_id = $1",
        )
        .bind(batch.get())
        .fetch_one(&self.db.pool)
        .await
        .unwrap()
    }

    /// Every result of `batch`.
    pub(crate) async fn results(&self, batch: OperationId) -> Vec<Value> {
        let answer = self.get(&format!("/batches/{batch}/results?limit=1000")).await;
        answer.body["results"].as_array().unwrap_or_else(|| panic!("{answer:?}")).clone()
    }

    pub(crate) async fn sealer(&self, master_key: &str) -> Sealer {
        let mut conn = self.db.pool.acquire().await.unwrap();
        let salt = store::master_keys::salt(&mut conn).await.unwrap();
        let keys = MasterKeys::parse(&SecretString::from(master_key), None).unwrap();
        keys.sealer(salt.as_bytes())
    }

    /// What a worker would do: the first `n` open items succeed, with a key each.
    pub(crate) async fn succeed(&self, batch: OperationId, n: i64) -> Vec<ApiKey> {
        let sealer = self.sealer(MASTER_KEY).await;
        let minter = Minter::new("tk_", 32).unwrap();
        let tenants: Vec<i64> = sqlx::query_scalar(
            "update tenantry.operation_items set state = 'succeeded', finished_at = now(), attempt = 1
             where id in (select id from tenantry.operation_items
                          where operation_id = $1 and state = 'queued' order by idx limit $2)
             returning tenant_id",
        )
        .bind(batch.get())
        .bind(n)
        .fetch_all(&self.db.pool)
        .await
        .unwrap();
        let mut conn = self.db.pool.acquire().await.unwrap();
        let mut minted = Vec::new();
        for id in tenants {
            sqlx::query("update tenantry.tenants set state = 'active' where id = $1")
                .bind(id)
                .execute(&mut *conn)
                .await
                .unwrap();
            let tenant = TenantId::new(id);
            let key = minter.mint(&domain::TenantName::parse("Acme").unwrap());
            let new = api_keys::NewKey {
                tenant,
                operation: Some(batch),
                hash: key.hash(),
                prefix: key.prefix(),
                last4: key.last4(),
                sealed: &sealer.seal(&key, tenant),
                sealed_for: std::time::Duration::from_secs(3600),
                valid_for: None,
            };
            assert_eq!(api_keys::issue(&mut conn, &[new], 1).await.unwrap(), 1);
            minted.push(key);
        }
        minted
    }

    /// What a worker would do: every open item fails and gives its names back.
    pub(crate) async fn fail_rest(&self, batch: OperationId, code: &str) {
        for sql in [
            "update tenantry.tenants set state = 'released' where id in
                 (select tenant_id from tenantry.operation_items where operation_id = $1
                  and state = 'queued' and $2 <> '')",
            "update tenantry.operation_items set state = 'failed', finished_at = now(), attempt = 1,
                 tries = 1, error_code = $2, error_message = 'it failed', error_step = 'verify',
                 error_retryable = false
             where operation_id = $1 and state = 'queued'",
        ] {
            sqlx::query(sql).bind(batch.get()).bind(code).execute(&self.db.pool).await.unwrap();
        }
    }

    pub(crate) async fn settle(&self, batch: OperationId) {
        let mut conn = self.db.pool.acquire().await.unwrap();
        store::operations::settle(&mut conn, batch).await.unwrap().expect("nothing is open");
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.db.pool).await.unwrap()
    }

    /// The actions in the audit, oldest first.
    pub(crate) async fn audited(&self) -> Vec<String> {
        sqlx::query_scalar("select action from tenantry.audit_log order by id")
            .fetch_all(&self.db.pool)
            .await
            .unwrap()
    }
}

pub(crate) fn settings_of(db: &Db, more: &[(&str, &str)]) -> Settings {
    let base = [
        ("DATABASE_URL", db.url.as_str()),
        ("TENANTRY_MASTER_KEY", MASTER_KEY),
        ("TENANTRY__API__BURST", "100000"),
    ];
    let env = base.iter().chain(more).map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Settings::from_env_map(Profile::Default, env).unwrap()
}

pub(crate) async fn token(db: &Db, name: &str, role: Role) -> String {
    let token = OperatorToken::mint();
    let mut conn = db.pool.acquire().await.unwrap();
    let new = operators::NewOperator { name, role, hash: &token.hash(), expires_at: None };
    operators::create(&mut conn, new).await.unwrap().expect("the name is free");
    token.expose().to_owned()
}

/// A tenant nobody else has.
pub(crate) fn tenant(n: usize) -> Value {
    json!({ "tenant_name": format!("Acme {n}"), "domain": format!("acme{n}.example.com") })
}

pub(crate) fn tenants(n: usize) -> Vec<Value> {
    (0..n).map(tenant).collect()
}
