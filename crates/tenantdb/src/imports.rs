//! Schemas that were there: what may be imported, how it is marked, and how it is given back.
//!
//! An import changes nothing that it does not keep a record of: the comment of the schema, and the rights and owners
//! that are there. The schema keeps its owner, and so do its objects; migrations run as that owner.

use domain::{RoleName, SchemaName};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::drift::{self, Drifted};
use crate::grants;
use crate::ident::{Ident, dollar_tag, literal, run};
use crate::mark::{IMPORTED, Mark};
use crate::promise::Promise;
use crate::survey::{self, Survey};

const IMPORTABLE: &str = include_str!("queries/importable.sql");
const FOUND: &str = include_str!("queries/imported.sql");
const GIVE_BACK: &str = include_str!("queries/give_back.sql");

/// What keeps the schema from being imported, in sentences; the first of them. Writes nothing.
pub async fn refusals(conn: &mut PgConnection, schema: &SchemaName) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(IMPORTABLE).bind(schema.as_str()).fetch_all(conn).await
}

/// What lies in a schema that is to be imported.
#[derive(Debug)]
pub struct Looked(Survey);

impl Looked {
    /// Reads it. Empty when there is no such schema.
    pub async fn at(conn: &mut PgConnection, schema: &SchemaName) -> sqlx::Result<Self> {
        let survey = survey::read(conn, schema).await?;
        let spelling =
            sqlx::query_scalar("select quote_ident($1)").bind(schema.as_str()).fetch_one(conn);
        Ok(Self(Survey { spelling: spelling.await?, ..survey }))
    }

    /// The objects, and the rights of others, that are not as the migrations make them. Not that everybody may call
    /// the functions, which an import takes back.
    #[must_use]
    pub fn differences(&self, promise: &Promise) -> Vec<Drifted> {
        let mut differing = drift::of(&self.0, promise);
        differing.retain(|it| !it.object.starts_with("right: EXECUTE of PUBLIC on function "));
        differing
    }
}

/// What the schema has now that an import or a repair may change, as a JSON document. In a transaction.
pub async fn found(conn: &mut PgConnection, schema: &SchemaName) -> sqlx::Result<String> {
    let path: String =
        sqlx::query_scalar("select current_setting('search_path')").fetch_one(&mut *conn).await?;
    run(conn, "select set_config('search_path', 'pg_catalog', true)").await?;
    let text = format!("select ({})::text", now(schema));
    let found = sqlx::raw_sql(AssertSqlSafe(text)).fetch_one(&mut *conn).await?;
    run(conn, format!("select set_config('search_path', {}, true)", literal(&path))).await?;
    sqlx::Row::try_get(&found, 0)
}

/// Marks the schema as imported for the mark's tenant.
///
/// # Errors
/// SQLSTATE 3F000 without the schema, 42501 when the connected role cannot act as its owner.
pub async fn mark(conn: &mut PgConnection, schema: &SchemaName, mark: &Mark) -> sqlx::Result<()> {
    let comment = literal(&format!("{mark}{IMPORTED}"));
    run(conn, format!("comment on schema {} is {comment}", Ident::from(schema))).await
}

/// Takes back every right of the role, and gives the schema back the rights, owners and the comment that [`found`]
/// found there.
///
/// # Errors
/// SQLSTATE 42501 when the connected role can no longer act as an owner.
pub async fn give_back(
    conn: &mut PgConnection,
    schema: &SchemaName,
    role: &RoleName,
    found: &str,
) -> sqlx::Result<()> {
    const COMMENT: &str =
        "execute format('comment on schema %s is %L', {schema_text}, found ->> 'comment');";
    give(conn, schema, role, found, COMMENT).await
}

/// The same without the comment: the schema stays the tenant's.
///
/// # Errors
/// As [`give_back`].
pub async fn give_rights_back(
    conn: &mut PgConnection,
    schema: &SchemaName,
    role: &RoleName,
    found: &str,
) -> sqlx::Result<()> {
    give(conn, schema, role, found, "").await
}

async fn give(
    conn: &mut PgConnection,
    schema: &SchemaName,
    role: &RoleName,
    found: &str,
    comment: &str,
) -> sqlx::Result<()> {
    grants::revoke(conn, schema, role).await?;
    let block = GIVE_BACK
        .replace("{now}", &now(schema))
        .replace("{comment}", comment)
        .replace("{schema_text}", &literal(&Ident::from(schema).to_string()))
        .replace("{found}", &literal(found));
    let tag = dollar_tag([block.as_str()]);
    run(conn, block.replace("{tag}", &tag)).await
}

fn now(schema: &SchemaName) -> String {
    FOUND.replace("{schema_text}", &Ident::from(schema).as_text())
}

/// A tenant as the registry of the original product has it.
#[derive(Debug, sqlx::FromRow)]
pub struct Registered {
    pub tenant_name: String,
    pub domain: String,
    pub schema_name: String,
    pub api_key: Option<String>,
    pub is_active: bool,
    /// As the database writes it.
    pub created_at: Option<String>,
}

/// The tenants in such a `table`, by the name of their schemas; `None` when there is no such table.
///
/// # Errors
/// SQLSTATE 42703 without one of the columns, 42501 when it may not be read.
pub async fn registry(
    conn: &mut PgConnection,
    table: &str,
) -> sqlx::Result<Option<Vec<Registered>>> {
    // As the server spells it: quoted where it must be.
    let name: Option<String> = sqlx::query_scalar("select to_regclass($1)::text")
        .bind(table)
        .fetch_one(&mut *conn)
        .await?;
    let Some(name) = name else { return Ok(None) };
    let rows = format!(
        "select tenant_name::text, domain::text, schema_name::text, api_key::text,
             coalesce(is_active, true) as is_active, created_at::text as created_at
         from {name} order by schema_name"
    );
    sqlx::query_as(AssertSqlSafe(rows)).fetch_all(conn).await.map(Some)
}

/// The owner of a schema that was imported, if that is not the connected role.
pub(crate) async fn owner(
    conn: &mut PgConnection,
    schema: &SchemaName,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(
        "select pg_get_userbyid(n.nspowner)::text from pg_catalog.pg_namespace n
         join pg_catalog.pg_description d on d.objoid = n.oid and d.objsubid = 0
             and d.classoid = 'pg_catalog.pg_namespace'::regclass
             and d.description ~ '^tenantry:.*:imported$'
         where n.nspname = $1 and pg_get_userbyid(n.nspowner) <> current_user",
    )
    .bind(schema.as_str())
    .fetch_optional(conn)
    .await
}
