//! Schemas in which migrations are tried out.

use std::hash::{BuildHasher, RandomState};

use domain::SchemaName;
use sqlx::{Connection as _, PgConnection};

use crate::Ident;
use crate::ident::{literal, run};

/// A schema that lasts longer than one transaction: for files that need several. Its comment names the
/// installation and the session that made it, and the next one drops it if that session is gone.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub(crate) name: SchemaName,
}

const LEFT: &str = "select n.nspname::text
    from pg_catalog.pg_namespace n
    join pg_catalog.pg_description d on d.objoid = n.oid
        and d.classoid = 'pg_catalog.pg_namespace'::regclass and d.objsubid = 0
    where n.nspname >= 'tn_promise_' and n.nspname < 'tn_promise`'
        and d.description ~ ('^tenantry:' || (select id from tenantry.installation) || ':scratch:[0-9]+$')
        and not exists (select from pg_catalog.pg_stat_activity a
            where a.pid::text = substring(d.description from '[0-9]+$'))";

impl Scratch {
    /// Makes it, and drops those that were left behind.
    pub(crate) async fn create(conn: &mut PgConnection) -> sqlx::Result<Self> {
        let left: Vec<String> = sqlx::query_scalar(LEFT).fetch_all(&mut *conn).await?;
        for schema in left {
            drop_schema(conn, &Ident::quote(&schema)).await?;
        }
        let name = scratch_name();
        let mark: String = sqlx::query_scalar(
            "select format('tenantry:%s:scratch:%s', id, pg_backend_pid()) from tenantry.installation",
        )
        .fetch_one(&mut *conn)
        .await?;
        let schema = Ident::from(&name);
        let mark = literal(&mark);
        run(conn, format!("create schema {schema}; comment on schema {schema} is {mark}")).await?;
        Ok(Self { name })
    }

    pub(crate) async fn drop(self, conn: &mut PgConnection) -> sqlx::Result<()> {
        drop_schema(conn, &Ident::from(&self.name)).await
    }
}

async fn drop_schema(conn: &mut PgConnection, schema: &Ident) -> sqlx::Result<()> {
    let mut tx = conn.begin().await?;
    limit_time(&mut tx, Scope::Transaction).await?;
    run(&mut tx, format!("drop schema if exists {schema} cascade")).await?;
    tx.commit().await
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Transaction,
    Session,
}

/// Makes a schema that the caller's transaction rolls back.
pub(crate) async fn create(conn: &mut PgConnection) -> sqlx::Result<SchemaName> {
    let name = scratch_name();
    run(conn, format!("create schema {}", Ident::from(&name))).await?;
    Ok(name)
}

/// Bounds a rehearsal where the session has no limits of its own: a migration that takes a minute for an
/// empty schema is no migration for a tenant, and what it waits for may never be free. Gives the names of
/// the limits that were 0.
pub(crate) async fn limit_time(conn: &mut PgConnection, scope: Scope) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "with limits as materialized (
             select name from unnest(array['lock_timeout', 'statement_timeout']) as names (name)
             where current_setting(name) = '0'
         )
         select name from limits
         where set_config(name, case name when 'lock_timeout' then '10s' else '60s' end, $1) <> ''",
    )
    .bind(scope == Scope::Transaction)
    .fetch_all(conn)
    .await
}

/// A name that nobody has: it also must not be found in any definition by chance.
pub(crate) fn scratch_name() -> SchemaName {
    let random = RandomState::new().hash_one(std::process::id());
    SchemaName::parse(&format!("tn_promise_{random:016x}"))
        .expect("a fixed prefix and hexadecimal digits are a schema's name")
}
