//! Shows on the database itself that a tenant's role sees its own tables and nothing else.

use anyhow::Context as _;
use contract::ItemResult;
use domain::{RoleName, TenantId};
use serde::Serialize;
use sqlx::{Connection as _, PgConnection};

use crate::failure::Failure;

/// Permission denied.
const INSUFFICIENT_PRIVILEGE: &str = "42501";

const AS_TENANT: &str = include_str!("isolation.sql");

/// A query as a tenant's role, and what must come of it. `%I` stands for the schema.
struct Trial<'a> {
    query: String,
    schema: &'a str,
    allowed: bool,
}

/// What the first tenant's role could do, and what it could not.
#[derive(Debug, Serialize)]
pub(super) struct Proof {
    pub(super) tenant_name: String,
    pub(super) role: String,
    pub(super) trials: Vec<Tried>,
}

#[derive(Debug, Serialize)]
pub(super) struct Tried {
    pub(super) query: String,
    pub(super) allowed: bool,
    pub(super) answer: String,
}

/// Runs queries as the first tenant's role on its own schema, on the second's, and on Tenantry's;
/// `None` where there are not two tenants, or no table.
pub(super) async fn prove(
    database_url: &str,
    database: &settings::Database,
    items: &[ItemResult],
    default_tables: bool,
) -> anyhow::Result<Option<Proof>> {
    let mut made = items.iter().filter_map(|item| item.tenant_id.filter(|_| item.error.is_none()));
    let (Some(one), Some(other)) = (made.next(), made.next()) else { return Ok(None) };
    let options = store::options(database_url, database, "tenantry")?;
    let mut conn = store::open(&options).await.context("could not reach the database")?;
    let tenant = find(&mut conn, one).await?;
    let neighbour = find(&mut conn, other).await?;
    let Some(table) = table(&mut conn, &tenant.schema).await? else { return Ok(None) };
    let mut tx = conn.begin().await?;
    let role = RoleName::parse(&tenant.role).context("the tenant's role is none of ours")?;
    tenantdb::role::lend(&mut tx, &role).await.context("could not become the tenant")?;
    let mut tried = Vec::new();
    for trial in trials(default_tables, &table, &tenant.schema, &neighbour.schema) {
        let answer = judge(&tenant.role, &trial, ask(&mut tx, &tenant.role, &trial).await?)?;
        let query = trial.query.replace("%I", trial.schema);
        tried.push(Tried { query, allowed: trial.allowed, answer });
    }
    // Nothing of it is kept.
    tx.rollback().await?;
    conn.close().await?;
    Ok(Some(Proof { tenant_name: tenant.name, role: tenant.role, trials: tried }))
}

fn trials<'a>(
    default_tables: bool,
    table: &str,
    own: &'a str,
    neighbour: &'a str,
) -> Vec<Trial<'a>> {
    let trial = |query: &str, schema, allowed| Trial { query: query.to_owned(), schema, allowed };
    let read = match default_tables {
        true => "select full_name from %I.person".to_owned(),
        false => format!("select count(*) from %I.{table}"),
    };
    let keys = "select count(*) from %I.api_keys";
    let mut trials = vec![
        trial(&read, own, true),
        trial(&read, neighbour, false),
        trial(keys, "tenantry", false),
    ];
    if default_tables {
        let write = "insert into %I.person (email, full_name) values ('ada@own.example', 'Ada') returning email";
        trials.insert(0, trial(write, own, true));
    }
    trials
}

/// A table of the schema, as `format` in SQL takes it.
async fn table(conn: &mut PgConnection, schema: &str) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(
        "select replace(quote_ident(relname), '%', '%%') from pg_catalog.pg_class
         where relnamespace = to_regnamespace(quote_ident($1)) and relkind = 'r'
         order by relname limit 1",
    )
    .bind(schema)
    .fetch_optional(conn)
    .await
}

async fn find(conn: &mut PgConnection, id: TenantId) -> anyhow::Result<store::tenants::Tenant> {
    store::tenants::find(conn, id).await?.context("a tenant that was made is gone")
}

async fn ask(
    conn: &mut PgConnection,
    role: &str,
    trial: &Trial<'_>,
) -> anyhow::Result<Result<String, String>> {
    let mut savepoint = conn.begin().await?;
    sqlx::query(
        "select set_config('tenantry.demo_role', $1, true),
                set_config('tenantry.demo_query', $2, true),
                set_config('tenantry.demo_schema', $3, true)",
    )
    .bind(role)
    .bind(&trial.query)
    .bind(trial.schema)
    .execute(&mut *savepoint)
    .await?;
    match sqlx::raw_sql(AS_TENANT).execute(&mut *savepoint).await {
        Ok(_) => {
            let answer = sqlx::query_scalar("select current_setting('tenantry.demo_answer')")
                .fetch_one(&mut *savepoint)
                .await?;
            savepoint.commit().await?;
            Ok(Ok(answer))
        }
        Err(sqlx::Error::Database(e)) if e.code().as_deref() == Some(INSUFFICIENT_PRIVILEGE) => {
            savepoint.rollback().await?;
            Ok(Err(e.message().to_owned()))
        }
        Err(e) => Err(e).context("a query of the demo failed"),
    }
}

/// What was said, if it is what must be said.
fn judge(role: &str, trial: &Trial<'_>, said: Result<String, String>) -> Result<String, Failure> {
    match (said, trial.allowed) {
        (Ok(answer), true) | (Err(answer), false) => Ok(answer),
        (Ok(_), false) => Err(Failure::new(format!(
            "{role} could read {}: the tenants are not isolated",
            trial.schema
        ))),
        (Err(refusal), true) => {
            Err(Failure::new(format!("{role} could not use its own schema: {refusal}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbour_that_can_be_read_is_a_failure() {
        let neighbour = Trial { query: "select".to_owned(), schema: "other", allowed: false };

        assert!(judge("tn_1", &neighbour, Ok("row".to_owned())).is_err());
        assert!(judge("tn_1", &neighbour, Err("permission denied".to_owned())).is_ok());
    }

    #[test]
    fn an_own_schema_that_cannot_be_used_is_a_failure() {
        let own = Trial { query: "select".to_owned(), schema: "own", allowed: true };

        assert!(judge("tn_1", &own, Err("permission denied".to_owned())).is_err());
    }
}
