//! Makes a database ready: shared schema, queue, roles, and a token for this run.

use anyhow::Context as _;
use domain::Role;
use serde_json::json;
use settings::Settings;
use sqlx::{Connection as _, PgPool, postgres::PgConnectOptions};
use store::operators;

use super::install::install;
use crate::{actor::record, commands::before_tenants, connection};

/// The life of a token of `dev`, in days, should the process be killed before it revokes it.
const TOKEN_DAYS: i64 = 30;

#[derive(Debug)]
pub(super) struct DevToken {
    name: String,
    token: keys::OperatorToken,
    options: PgConnectOptions,
}

impl DevToken {
    pub(super) fn secret(&self) -> &str {
        self.token.expose()
    }

    /// Ends its life with the run.
    pub(super) async fn revoke(&self) -> anyhow::Result<()> {
        let mut conn = store::open(&self.options).await?;
        let mut tx = conn.begin().await?;
        operators::revoke(&mut tx, &self.name).await?;
        record(&mut tx, None, "token.revoked", json!({ "name": self.name })).await?;
        tx.commit().await?;
        conn.close().await?;
        Ok(())
    }

    async fn make(pool: &PgPool) -> anyhow::Result<Self> {
        let token = keys::OperatorToken::mint();
        let random = uuid::Uuid::new_v4().simple().to_string();
        let name = format!("dev-{}", &random[..6]);
        let mut tx = pool.begin().await?;
        let new = operators::NewOperator {
            name: &name,
            role: Role::Admin,
            hash: &token.hash(),
            expires_at: Some(chrono::Utc::now() + chrono::Duration::days(TOKEN_DAYS)),
        };
        operators::create(&mut tx, new).await?.context("a token of that name exists")?;
        record(&mut tx, None, "token.created", json!({ "name": name })).await?;
        tx.commit().await?;
        let options = pool.connect_options().as_ref().clone();
        Ok(Self { name, token, options })
    }
}

pub(super) async fn database(url: &str, settings: &Settings) -> anyhow::Result<DevToken> {
    let pool = connection::patient_pool(url, settings).await?;
    let prepared = prepare(&pool, settings).await;
    pool.close().await;
    prepared
}

async fn prepare(pool: &PgPool, settings: &Settings) -> anyhow::Result<DevToken> {
    install(pool, None, &settings.tenants).await?.warn();
    before_tenants(settings, pool).await?;
    DevToken::make(pool).await.context("could not make an operator token")
}
