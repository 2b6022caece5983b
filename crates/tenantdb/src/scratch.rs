//! Schemas in which migrations are tried out.

use std::hash::{BuildHasher, RandomState};

use domain::{InstallationId, RoleName, SchemaName, TenantId};
use sqlx::{Connection as _, PgConnection};

use crate::ident::{literal, run};
use crate::mark::Mark;
use crate::survey::Subject;
use crate::{Ident, TenantPath, grants, makers, role};

const LEFT: &str = include_str!("queries/scratch_left.sql");

/// A schema that lasts longer than one transaction: for files that need several. Its comment names the
/// installation and the session that made it, and the next one drops it if that session is gone.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub(crate) name: SchemaName,
}

impl Scratch {
    /// Makes it, and drops those that were left behind.
    pub(crate) async fn create(conn: &mut PgConnection) -> sqlx::Result<Self> {
        sweep(conn).await?;
        let mark = session_mark(conn).await?;
        Ok(Self { name: create_marked(conn, &mark).await? })
    }

    pub(crate) async fn drop(self, conn: &mut PgConnection) -> sqlx::Result<()> {
        drop_schema(conn, &Ident::from(&self.name)).await
    }
}

/// A [`Scratch`] schema with a role that has a tenant's rights in it and the same comment. It may not log in.
#[derive(Debug)]
pub(crate) struct ScratchTenant {
    pub(crate) schema: SchemaName,
    pub(crate) role: RoleName,
    mark: Mark,
}

impl ScratchTenant {
    /// Makes both, in one transaction. Nothing is in the schema yet.
    pub(crate) async fn create(
        conn: &mut PgConnection,
        installation: &InstallationId,
        path: TenantPath,
    ) -> sqlx::Result<Self> {
        let mark = Mark { installation: installation.clone(), tenant: scratch_id() };
        let role = RoleName::of(installation, mark.tenant);
        let mut tx = conn.begin().await?;
        limit_time(&mut tx, Scope::Transaction).await?;
        let session = session_mark(&mut tx).await?;
        let schema = create_marked(&mut tx, &session).await?;
        let creation = role::creation(&role, &schema, 0, session, path);
        let creation = makers::making(&tx, installation, creation);
        run(&mut tx, creation).await?;
        grants::regrant(&mut tx, &schema, &role).await?;
        tx.commit().await?;
        Ok(Self { schema, role, mark })
    }

    /// As a tenant without a neighbour.
    pub(crate) fn subject(&self, path: TenantPath) -> Subject<'_> {
        let (neighbour, application_role) = (None, None);
        let Self { schema, role, mark } = self;
        Subject { schema, role, mark: mark.clone(), neighbour, path, application_role }
    }

    pub(crate) async fn drop(self, conn: &mut PgConnection) -> sqlx::Result<()> {
        drop_schema(conn, &Ident::from(&self.schema)).await?;
        drop_role(conn, &self.role).await
    }
}

/// Drops the scratch schemas and roles of sessions that are gone. One that cannot be dropped, by this role or
/// because another process is at it, is left to the next sweep.
pub(crate) async fn sweep(conn: &mut PgConnection) -> sqlx::Result<()> {
    let left: Vec<(String, String)> = sqlx::query_as(LEFT).fetch_all(&mut *conn).await?;
    for (kind, name) in left {
        let dropped = match RoleName::parse(&name) {
            _ if kind == "schema" => drop_schema(conn, &Ident::quote(&name)).await,
            Ok(role) => drop_role(conn, &role).await,
            Err(_) => continue,
        };
        match dropped {
            Err(error) if error.as_database_error().is_none() => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The comment on what this session makes.
async fn session_mark(conn: &mut PgConnection) -> sqlx::Result<String> {
    sqlx::query_scalar(
        "select format('tenantry:%s:scratch:%s', id, pg_backend_pid()) from tenantry.installation",
    )
    .fetch_one(conn)
    .await
}

async fn create_marked(conn: &mut PgConnection, mark: &str) -> sqlx::Result<SchemaName> {
    let name = scratch_name();
    let (schema, mark) = (Ident::from(&name), literal(mark));
    run(conn, format!("create schema {schema}; comment on schema {schema} is {mark}")).await?;
    Ok(name)
}

async fn drop_schema(conn: &mut PgConnection, schema: &Ident) -> sqlx::Result<()> {
    let mut tx = conn.begin().await?;
    limit_time(&mut tx, Scope::Transaction).await?;
    run(&mut tx, format!("drop schema if exists {schema} cascade")).await?;
    tx.commit().await
}

async fn drop_role(conn: &mut PgConnection, role: &RoleName) -> sqlx::Result<()> {
    let drop = format!("drop role if exists {}", Ident::from(role));
    let drop = makers::changing(conn, role, drop);
    run(conn, drop).await
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
    SchemaName::parse(&format!("tn_promise_{:016x}", random()))
        .expect("a fixed prefix and hexadecimal digits are a schema's name")
}

/// An id that no tenant has: tenants count from 1, and spares from 2^52.
fn scratch_id() -> TenantId {
    const FIRST: i64 = 1 << 62;
    TenantId::new(FIRST | (random() >> 2).cast_signed())
}

fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
