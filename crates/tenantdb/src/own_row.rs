//! What a tenant's own application reads of its tenant: its row in the table `tenant` of its schema.
//!
//! A set has such a table if the table `tenant` has the columns `id bigint`, `name text`, `domain text` and
//! `settings jsonb`, and needs no other. A set without it is left alone. So is a table with triggers or rules: they
//! may fail, and no tenant could be made any more.

use domain::{SchemaName, TenantId};
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use crate::ident::{Ident, literal, run};

/// A tenant as its own schema is to know it.
#[derive(Debug, Clone, Copy)]
pub struct OwnRow<'a> {
    pub schema: &'a SchemaName,
    pub tenant: TenantId,
    pub name: &'a str,
    pub domain: &'a str,
    /// A JSON object.
    pub settings: &'a str,
}

impl OwnRow<'_> {
    fn table(&self) -> String {
        format!("{}.tenant", Ident::from(self.schema))
    }

    fn columns(&self) -> String {
        let Self { tenant, .. } = self;
        let [name, domain, settings] = [self.name, self.domain, self.settings].map(literal);
        format!(
            "{tenant}::bigint as id, {name} as name, {domain} as domain, {settings}::jsonb as settings"
        )
    }
}

/// Whether a row fits into the table `tenant` of the schema.
pub(crate) async fn fits(conn: &mut PgConnection, schema: &SchemaName) -> sqlx::Result<bool> {
    Ok(fitting(conn, &[schema]).await?.into_iter().all(|fits| fits))
}

/// Whether a row fits into the table `tenant` of each schema. One statement.
pub async fn fitting(conn: &mut PgConnection, schemas: &[&SchemaName]) -> sqlx::Result<Vec<bool>> {
    let tables: Vec<String> =
        schemas.iter().map(|schema| format!("{}.tenant", Ident::from(*schema))).collect();
    sqlx::query_scalar(
        "with own (name, type) as (
             values ('id', 'bigint'), ('name', 'text'), ('domain', 'text'), ('settings', 'jsonb')
         )
         select exists (select from pg_catalog.pg_class r
                        where r.oid = t.rel and r.relkind = 'r' and not r.relforcerowsecurity
                            and not r.relhasrules)
             and not exists (select from pg_catalog.pg_trigger g
                             where g.tgrelid = t.rel and not g.tgisinternal)
             and not exists (select from own o where not exists (
                 select from pg_catalog.pg_attribute a
                 where a.attrelid = t.rel and a.attnum > 0 and not a.attisdropped
                     and a.attname = o.name and format_type(a.atttypid, null) = o.type
                     and a.attidentity <> 'a' and a.attgenerated = ''))
             and not exists (
                 select from pg_catalog.pg_attribute a
                 where a.attrelid = t.rel and a.attnum > 0 and not a.attisdropped
                     and a.attnotnull and not a.atthasdef and a.attidentity = ''
                     and a.attname not in (select name from own))
         from (select to_regclass(name)::oid as rel, n
               from unnest($1::text[]) with ordinality as w (name, n)) t
         order by n",
    )
    .bind(tables)
    .fetch_all(conn)
    .await
}

/// Writes the row of each, or changes the one that is there. One message where none is there: to look for one
/// first takes as long again.
///
/// # Errors
/// SQLSTATE 42P01 without such a table; what a constraint of the table refuses.
pub async fn write(conn: &mut PgConnection, rows: &[OwnRow<'_>]) -> sqlx::Result<()> {
    let text = |row: &OwnRow<'_>| {
        let [name, domain, settings] = [row.name, row.domain, row.settings].map(literal);
        format!(
            "insert into {} (id, name, domain, settings)
             values ({}, {name}, {domain}, {settings}) on conflict do nothing",
            row.table(),
            row.tenant,
        )
    };
    if rows.is_empty() {
        return Ok(());
    }
    let texts: Vec<String> = rows.iter().map(text).collect();
    let done = sqlx::raw_sql(AssertSqlSafe(texts.join(";\n"))).execute(&mut *conn).await?;
    if done.rows_affected() < rows.len() as u64 {
        bring_up_to_date(conn, rows).await?;
    }
    Ok(())
}

/// Whether the table `tenant` of the schema has no row. Without the table that is an error.
pub async fn is_empty(conn: &mut PgConnection, schema: &SchemaName) -> sqlx::Result<bool> {
    let rows = format!("select not exists (select from {}.tenant)", Ident::from(schema));
    sqlx::query_scalar(AssertSqlSafe(rows)).fetch_one(conn).await
}

/// Deletes the tenant's row, if the table is there.
pub async fn remove(
    conn: &mut PgConnection,
    schema: &SchemaName,
    tenant: TenantId,
) -> sqlx::Result<()> {
    if fits(conn, schema).await? {
        run(conn, format!("delete from {}.tenant where id = {tenant}", Ident::from(schema)))
            .await?;
    }
    Ok(())
}

/// Has the server lay out the files of the tables `tenant`: the first row of a table makes it and its indexes
/// grow, which takes half of the time that [`write()`] takes. No row is left, and a sequence of the table has a
/// gap. One message.
///
/// # Errors
/// When the connection breaks. A table that takes no such row is left as it is.
pub async fn lay_out(conn: &mut PgConnection, schemas: &[&SchemaName]) -> sqlx::Result<()> {
    let block = |schema: &&SchemaName| {
        format!(
            "begin
                 insert into {}.tenant (id, name, domain, settings) values (0, '', '', '{{}}');
                 raise exception 'taken back';
             exception when others then null;
             end;\n",
            Ident::from(*schema)
        )
    };
    let blocks: String = schemas.iter().map(block).collect();
    run(conn, format!("do $lay_out$ begin\n{blocks}end $lay_out$")).await
}

/// Writes the rows that are not there or say something else; says of each whether it did. One statement.
///
/// # Errors
/// As [`write()`]; 23505 when another row of the table has the domain.
pub async fn bring_up_to_date(
    conn: &mut PgConnection,
    rows: &[OwnRow<'_>],
) -> sqlx::Result<Vec<bool>> {
    let text = |(n, row): (usize, &OwnRow<'_>)| {
        format!(
            "own{n} as (select {columns}),
             changed{n} as (
                 update {table} t set name = own.name, domain = own.domain, settings = own.settings
                 from own{n} own where t.id = own.id
                     and (t.name, t.domain, t.settings) is distinct from (own.name, own.domain, own.settings)
                 returning 1),
             made{n} as (
                 insert into {table} (id, name, domain, settings)
                 select own.* from own{n} own
                 where not exists (select from {table} t where t.id = own.id) returning 1)",
            columns = row.columns(),
            table = row.table(),
        )
    };
    let texts: Vec<String> = rows.iter().enumerate().map(text).collect();
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    let written = (0..rows.len())
        .map(|n| format!("exists (select from changed{n}) or exists (select from made{n})"))
        .collect::<Vec<_>>();
    let text = format!("with {} select array[{}]", texts.join(",\n"), written.join(", "));
    sqlx::raw_sql(AssertSqlSafe(text)).fetch_one(conn).await?.try_get(0)
}

/// How a tenant's own row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    AsWanted,
    /// It says something else.
    Differs,
    /// It is not there, as of a tenant that was made before there were such rows.
    Missing,
}

/// How the row stands.
///
/// # Errors
/// SQLSTATE 42P01 without such a table.
pub async fn standing(conn: &mut PgConnection, row: &OwnRow<'_>) -> sqlx::Result<Standing> {
    let text = format!(
        "select (select (t.name, t.domain, t.settings) is not distinct from (own.name, own.domain, own.settings)
                 from {table} t where t.id = own.id limit 1)
         from (select {columns}) own",
        columns = row.columns(),
        table = row.table(),
    );
    let as_wanted = sqlx::raw_sql(AssertSqlSafe(text)).fetch_one(conn).await?.try_get(0)?;
    Ok(match as_wanted {
        Some(true) => Standing::AsWanted,
        Some(false) => Standing::Differs,
        None => Standing::Missing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of the shipped migrations.
    const SHIPPED: &str = "create table s.tenant (id bigint primary key, name text not null,
        domain text not null unique, settings jsonb not null default '{}', updated_at timestamptz default now());";

    #[tokio::test]
    async fn a_row_is_for_a_table_that_takes_it_and_runs_nothing_of_its_own() {
        for (change, fit) in [
            ("", true),
            ("create table s.child (tenant bigint references s.tenant)", true),
            ("alter table s.tenant add column note text not null", false),
            ("alter table s.tenant alter id type text", false),
            ("alter table s.tenant drop column settings", false),
            ("alter table s.tenant force row level security", false),
            ("create rule quiet as on insert to s.tenant do instead nothing", false),
            (
                "create function s.f() returns trigger language plpgsql as 'begin return new; end';
                 create trigger t before insert on s.tenant for each row execute function s.f()",
                false,
            ),
            ("drop table s.tenant", false),
        ] {
            let db = harness::fresh_db().await;
            let made = format!("create schema s; {SHIPPED} {change}");
            sqlx::raw_sql(AssertSqlSafe(made)).execute(&db.pool).await.unwrap();
            let mut conn = db.pool.acquire().await.unwrap();
            let schema = SchemaName::from_registry("s".to_owned()).unwrap();

            assert_eq!(fits(&mut conn, &schema).await.unwrap(), fit, "{change}");
        }
    }
}
