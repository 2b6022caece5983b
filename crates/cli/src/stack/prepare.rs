//! Makes a database ready: shared schema, queue, roles, and a token for this run.

use std::str::FromStr as _;

use anyhow::Context as _;
use domain::Role;
use serde_json::json;
use settings::Settings;
use sqlx::{Connection as _, PgConnection, PgPool, postgres::PgConnectOptions};
use store::{audit, operators};
use tenantdb::rights::RightsError;

use crate::{actor::actor, connection, failure::Failure};

/// Oldest server that everything here is tested on.
const OLDEST: i32 = 150_000;

/// The life of a token of `dev`, in days, should the process be killed before it revokes it.
const TOKEN_DAYS: i64 = 30;

/// The operator token of one run.
#[derive(Debug)]
pub(super) struct DevToken {
    name: String,
    token: keys::OperatorToken,
}

impl DevToken {
    /// The token itself.
    pub(super) fn secret(&self) -> &str {
        self.token.expose()
    }

    /// Ends its life with the run.
    pub(super) async fn revoke(&self, database_url: &str) -> anyhow::Result<()> {
        let options = PgConnectOptions::from_str(database_url)?;
        let mut conn = PgConnection::connect_with(&options).await?;
        let mut tx = conn.begin().await?;
        operators::revoke(&mut tx, &self.name).await?;
        record(&mut tx, "token.revoked", &self.name).await?;
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
        record(&mut tx, "token.created", &name).await?;
        tx.commit().await?;
        Ok(Self { name, token })
    }
}

async fn record(conn: &mut PgConnection, action: &str, name: &str) -> sqlx::Result<()> {
    let detail = json!({ "name": name });
    let entry = audit::Entry { actor: &actor(), action, detail, ..Default::default() };
    audit::append(conn, entry).await
}

/// Brings the database to the newest version and makes a token for this run.
pub(super) async fn database(url: &str, settings: &Settings) -> anyhow::Result<DevToken> {
    let pool = connection::patient_pool(url, settings)?;
    let prepared = prepare(&pool).await;
    pool.close().await;
    prepared
}

async fn prepare(pool: &PgPool) -> anyhow::Result<DevToken> {
    migrate(pool).await?;
    DevToken::make(pool).await.context("could not make an operator token")
}

/// Everything that `tenantry migrate public up` does: schema, queue, roles.
pub(crate) async fn migrate(pool: &PgPool) -> anyhow::Result<()> {
    suits_us(pool).await?;
    connection::refuse_copy(pool).await?;
    store::migrate(pool).await.context("could not migrate the shared schema")?;
    // what lacked the columns until now
    connection::refuse_copy(pool).await?;
    queue::setup(pool).await.context("could not set up the queue")?;
    let mut conn = pool.acquire().await.context("could not connect")?;
    let installation =
        store::installation(&mut conn).await.context("could not read who this installation is")?;
    tenantdb::bootstrap(&mut conn, &installation).await.context("could not prepare the roles")
}

/// A server that is too old or a user who may not make roles is found out here, not in a step.
async fn suits_us(pool: &PgPool) -> anyhow::Result<()> {
    let mut conn = pool.acquire().await.map_err(unreachable)?;
    let version: i32 = sqlx::query_scalar("select current_setting('server_version_num')::int")
        .fetch_one(&mut *conn)
        .await
        .map_err(unreachable)?;
    if version < OLDEST {
        let major = version / 10_000;
        return Err(Failure::new(format!(
            "the server is PostgreSQL {major}; 15 is the oldest that will do"
        ))
        .advise("name a newer one in DATABASE_URL, or unset it for a private one")
        .into());
    }
    match tenantdb::rights::check(&mut conn, None).await {
        Err(RightsError::Database { source }) => Err(unreachable(source).into()),
        Err(lacking) => Err(Failure::new(lacking.to_string())
            .advise("give it the rights, or name another user in DATABASE_URL")
            .into()),
        Ok(()) => Ok(()),
    }
}

fn unreachable(error: sqlx::Error) -> Failure {
    Failure::new(format!("could not reach the database: {error}"))
        .advise("look at DATABASE_URL and whether the server runs")
}
