//! The tenant's schema: made plainly and marked, so that no name is ever adopted.

use domain::SchemaName;
use sqlx::{AssertSqlSafe, PgConnection, Row, postgres::PgRow};

use crate::ident::{Ident, dollar_tag, literal, run};
use crate::mark::{Mark, Owner};

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

/// Creates and marks the schema unless the name is in use, and says whose it is now. One message.
///
/// # Errors
/// SQLSTATE 42P06 when somebody else takes the name at this moment.
pub async fn claim(
    conn: &mut PgConnection,
    schema: &SchemaName,
    mark: &Mark,
) -> sqlx::Result<Owner> {
    let oid = format!("to_regnamespace({})", Ident::from(schema).as_text());
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
    run(conn, format!("drop schema {} cascade", Ident::from(schema))).await
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

pub(crate) fn creation(schema: &SchemaName, mark: &Mark) -> String {
    let (name, mark) = (Ident::from(schema), literal(&mark.to_string()));
    format!("create schema {name}; comment on schema {name} is {mark}")
}

/// Reads the row `(exists, comment)` that a claim ends with.
pub(crate) fn owner_in(row: &PgRow) -> sqlx::Result<Owner> {
    let comment: Option<String> = row.try_get(1)?;
    Ok(Owner::of(row.try_get(0)?, comment.as_deref()))
}
