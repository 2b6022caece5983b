//! The tenant's schema: made plainly and marked, so that no name is ever adopted.

use domain::SchemaName;
use sqlx::{AssertSqlSafe, PgConnection, Row, postgres::PgRow};

use crate::ident::{Ident, dollar_tag, literal};
use crate::mark::{Mark, Owner};
use crate::path::TenantPath;

/// Whose the schema is. One prepared look-up by unique index.
pub async fn owner(conn: &mut PgConnection, schema: &SchemaName) -> sqlx::Result<Owner> {
    let row = sqlx::query(
        "select n.oid is not null, d.description
         from (select to_regnamespace(quote_ident($1))::oid as oid) n
         left join pg_catalog.pg_description d
             on d.objoid = n.oid and d.classoid = 'pg_catalog.pg_namespace'::regclass
                and d.objsubid = 0",
    )
    .bind(schema.as_str())
    .fetch_one(conn)
    .await?;
    owner_in(&row)
}

/// Creates the schema and marks it, in one message. Fails if the name is in use: never adopts.
///
/// # Errors
/// SQLSTATE 42P06 when the name is taken.
pub async fn create(conn: &mut PgConnection, schema: &SchemaName, mark: &Mark) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(creation(schema, mark))).execute(conn).await?;
    Ok(())
}

/// Creates and marks the schema unless the name is in use, and says whose it is now. One message:
/// what [`owner`] and [`create`] do in two.
///
/// # Errors
/// SQLSTATE 42P06 when somebody else takes the name at this moment.
pub async fn claim(
    conn: &mut PgConnection,
    schema: &SchemaName,
    mark: &Mark,
) -> sqlx::Result<Owner> {
    let oid = format!("to_regnamespace({})", literal(&Ident::from(schema).to_string()));
    let creation = creation(schema, mark);
    let tag = dollar_tag([creation.as_str()]);
    let claim = format!(
        "do {tag} begin if {oid} is null then {creation}; end if; end {tag};
         select {oid} is not null,
             (select description from pg_catalog.pg_description where objoid = {oid}
              and classoid = 'pg_catalog.pg_namespace'::regclass and objsubid = 0)"
    );
    owner_in(&sqlx::raw_sql(AssertSqlSafe(claim)).fetch_one(conn).await?)
}

/// Drops the schema with all that is in it. Ask [`owner`] first, or use [`drop_owned`].
///
/// # Errors
/// SQLSTATE 3F000 when there is no such schema; 55P03 on a lock time-out.
pub async fn drop(conn: &mut PgConnection, schema: &SchemaName) -> sqlx::Result<()> {
    let drop = format!("drop schema {} cascade", Ident::from(schema));
    sqlx::raw_sql(AssertSqlSafe(drop)).execute(conn).await?;
    Ok(())
}

/// Drops the schema if it bears the mark and says whether it did; a stranger's is left alone.
///
/// # Errors
/// As [`owner`] and [`drop()`].
pub async fn drop_owned(
    conn: &mut PgConnection,
    schema: &SchemaName,
    mark: &Mark,
) -> sqlx::Result<bool> {
    let ours = owner(conn, schema).await?.is(mark);
    if ours {
        drop(conn, schema).await?;
    }
    Ok(ours)
}

/// Makes the schema the only one that unqualified names are looked up in, until the transaction
/// ends. `pg_temp` comes last, so that no temporary table can stand in for a tenant's.
///
/// [`crate::migrations::apply`] enters and leaves by itself. Statements prepared under one path
/// are planned anew under another: enter for short, or only where few statements follow.
///
/// # Errors
/// [`EnterError::Absent`] when there is no such schema: the server itself would say nothing and
/// look further along the path.
pub async fn enter(conn: &mut PgConnection, schema: &SchemaName) -> Result<(), EnterError> {
    let name = Ident::from(schema);
    // asked of a path that leads nowhere, current_schema() would make a schema for temporary tables
    let enter = format!(
        "set local search_path to {path};
         select case when has_schema_privilege(to_regnamespace({text})::oid, 'usage')
             then current_schema()::text end",
        path = TenantPath::ALONE.of(schema),
        text = literal(&name.to_string())
    );
    let current: Option<String> = sqlx::raw_sql(AssertSqlSafe(enter))
        .fetch_one(conn)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(|source| EnterError::Database { source })?;
    if current.as_deref() == Some(schema.as_str()) {
        Ok(())
    } else {
        Err(EnterError::Absent { schema: schema.clone() })
    }
}

/// Why a schema could not be entered.
#[derive(Debug, thiserror::Error)]
pub enum EnterError {
    /// There is no such schema, or this role may not use it.
    #[error("schema {} is not there to enter", schema.as_str())]
    Absent {
        /// The schema that was to be entered.
        schema: SchemaName,
    },
    /// The database did not answer.
    #[error("could not set the search path")]
    Database {
        #[source]
        source: sqlx::Error,
    },
}

pub(crate) fn creation(schema: &SchemaName, mark: &Mark) -> String {
    let (name, mark) = (Ident::from(schema), literal(&mark.to_string()));
    format!("create schema {name}; comment on schema {name} is {mark}")
}

/// Reads the row `(exists, comment)` that a claim ends with.
pub(crate) fn owner_in(row: &PgRow) -> sqlx::Result<Owner> {
    let comment: Option<String> = row.try_get(1)?;
    Ok(Owner::of(row.try_get(0)?, comment.as_deref()))
}
