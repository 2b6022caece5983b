//! Shows on the database itself that a tenant's role sees its own tables and nothing else.

use std::str::FromStr as _;

use anyhow::Context as _;
use domain::TenantId;
use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};

use crate::{
    client::Item,
    failure::Failure,
    show::{self, Table},
};

/// Permission denied.
const INSUFFICIENT_PRIVILEGE: &str = "42501";

const AS_TENANT: &str = include_str!("isolation.sql");

/// A query as a tenant's role, and what must come of it. `%I` stands for the schema.
struct Trial<'a> {
    query: &'a str,
    schema: &'a str,
    allowed: bool,
}

/// Runs queries as the first tenant's role on its own schema, on the second's, and on Tenantry's.
pub(super) async fn prove(
    database_url: &str,
    items: &[Item],
    default_tables: bool,
) -> anyhow::Result<()> {
    let mut made = items.iter().filter_map(|item| item.tenant_id.filter(|_| item.error.is_none()));
    let (Some(one), Some(other)) = (made.next(), made.next()) else { return Ok(()) };
    let options = PgConnectOptions::from_str(database_url)?;
    let mut conn =
        PgConnection::connect_with(&options).await.context("could not reach the database")?;
    let tenant = find(&mut conn, one).await?;
    let neighbour = find(&mut conn, other).await?;
    show::line(format!("\nAs {}, the role of tenant “{}”:", tenant.role, show::plain(&tenant.name)));
    let mut table = Table::new(&["query", "answer"]);
    for trial in trials(default_tables, &tenant.schema, &neighbour.schema) {
        let answer = run(&mut conn, &tenant.role, &trial).await?;
        table.row([trial.query.replace("%I", trial.schema), answer]);
    }
    table.print();
    Ok(conn.close().await?)
}

fn trials<'a>(default_tables: bool, own: &'a str, neighbour: &'a str) -> Vec<Trial<'a>> {
    let (write, read) = if default_tables {
        (
            "insert into %I.person (email, full_name) values ('ada@own.example', 'Ada') returning full_name",
            "select count(*) from %I.person",
        )
    } else {
        ("select count(*) from %I.tenantry_migrations", "select max(version) from %I.tenantry_migrations")
    };
    vec![
        Trial { query: write, schema: own, allowed: true },
        Trial { query: read, schema: own, allowed: true },
        Trial { query: read, schema: neighbour, allowed: false },
        Trial { query: "select count(*) from %I.api_keys", schema: "tenantry", allowed: false },
    ]
}

async fn find(conn: &mut PgConnection, id: i64) -> anyhow::Result<store::tenants::Tenant> {
    store::tenants::find(conn, TenantId::new(id)).await?.context("a tenant that was made is gone")
}

/// The answer; an error if it is not the one there must be.
async fn run(conn: &mut PgConnection, role: &str, trial: &Trial<'_>) -> anyhow::Result<String> {
    let mut tx = conn.begin().await?;
    sqlx::query(
        "select set_config('tenantry.demo_role', $1, true),
                set_config('tenantry.demo_query', $2, true),
                set_config('tenantry.demo_schema', $3, true)",
    )
    .bind(role)
    .bind(trial.query)
    .bind(trial.schema)
    .execute(&mut *tx)
    .await?;
    let answer = match sqlx::raw_sql(AS_TENANT).execute(&mut *tx).await {
        Ok(_) => Ok(sqlx::query_scalar::<_, String>("select current_setting('tenantry.demo_answer')")
            .fetch_one(&mut *tx)
            .await?),
        Err(sqlx::Error::Database(e)) if e.code().as_deref() == Some(INSUFFICIENT_PRIVILEGE) => {
            Err(format!("refused: {}", e.message()))
        }
        Err(e) => return Err(e).context("a query of the demo failed"),
    };
    tx.rollback().await?;
    match (answer, trial.allowed) {
        (Ok(answer), true) | (Err(answer), false) => Ok(answer),
        (Ok(_), false) => Err(Failure::new(format!(
            "{role} could read {}: the tenants are not isolated", trial.schema
        ))
        .into()),
        (Err(refusal), true) => {
            Err(Failure::new(format!("{role} could not use its own schema: {refusal}")).into())
        }
    }
}
