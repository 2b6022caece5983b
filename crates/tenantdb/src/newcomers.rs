//! Tenants of whom nothing is there yet: each act for all of them at once, in one message.
//!
//! Nothing is looked up first. A name that is in use is an error of the server, whoever has it,
//! and the caller then takes each tenant by itself, with the functions that look.

use domain::{RoleName, SchemaName, TenantId};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::ident::Ident;
use crate::ledger::Reached;
use crate::makers;
use crate::mark::Mark;
use crate::migrations::{self, MigrateError, MigrationSet};
use crate::path::TenantPath;
use crate::promise::Promise;
use crate::{application_role, grants, role, schema};

/// A tenant that is to be made.
#[derive(Debug, Clone)]
pub struct Newcomer<'a> {
    pub schema: &'a SchemaName,
    pub role: &'a RoleName,
    /// The mark that both are to bear.
    pub mark: Mark,
    /// The application's role, which is to be a member of the role.
    pub application_role: Option<&'a str>,
}

/// What [`role::create`] does, for all.
///
/// # Errors
/// As [`role::create`], for the first that fails.
pub async fn create_roles(
    conn: &mut PgConnection,
    newcomers: &[Newcomer<'_>],
    connection_limit: i32,
    path: TenantPath,
) -> sqlx::Result<()> {
    let creations = newcomers.iter().map(|newcomer| {
        role::creation(newcomer.role, newcomer.schema, connection_limit, &newcomer.mark, path)
    });
    let Some(first) = newcomers.first() else { return Ok(()) };
    let creation = makers::making(conn, &first.mark.installation, joined(creations));
    send(conn, creation).await
}

/// What [`schema::create`] does, for all.
///
/// # Errors
/// As [`schema::create`], for the first that fails.
pub async fn create_schemas(
    conn: &mut PgConnection,
    newcomers: &[Newcomer<'_>],
) -> sqlx::Result<()> {
    send(conn, joined(newcomers.iter().map(|n| schema::creation(n.schema, &n.mark)))).await
}

/// What [`migrations::apply`] does, for all: two messages, and one statement that writes all their rows in
/// the ledger. The set is one that a [`Promise`] was learnt of: it is registered, and has been applied
/// before.
///
/// # Errors
/// As [`migrations::apply`], for the first that fails; which one and in which file is not told.
pub async fn migrate(
    conn: &mut PgConnection,
    newcomers: &[Newcomer<'_>],
    set: &MigrationSet,
) -> Result<(), MigrateError> {
    let tenants: Vec<TenantId> = newcomers.iter().map(|newcomer| newcomer.mark.tenant).collect();
    let record = Reached::all_of(set).rows(&tenants);
    migrations::apply_to_empty(conn, &schemas(newcomers), set, &record).await
}

/// As [`migrate`], for tenants built in advance: the pool's row of each says what it has.
///
/// # Errors
/// As [`migrate`].
pub async fn migrate_spares(
    conn: &mut PgConnection,
    spares: &[Newcomer<'_>],
    set: &MigrationSet,
) -> Result<(), MigrateError> {
    migrations::apply_to_empty(conn, &schemas(spares), set, "").await
}

fn schemas<'a>(newcomers: &[Newcomer<'a>]) -> Vec<&'a SchemaName> {
    newcomers.iter().map(|newcomer| newcomer.schema).collect()
}

/// What [`grants::grant`] does, for all, whose roles [`create_roles`] made.
///
/// # Errors
/// As [`grants::grant`], for the first that fails.
pub async fn grant(
    conn: &mut PgConnection,
    newcomers: &[Newcomer<'_>],
    promise: &Promise,
) -> sqlx::Result<()> {
    let Some(first) = newcomers.first() else { return Ok(()) };
    let grants = joined(newcomers.iter().map(|n| grants::text(n.schema, n.role, promise)));
    let roles: Vec<String> = newcomers.iter().map(|n| Ident::from(n.role).to_string()).collect();
    let group = Ident::from(&first.role.its_group());
    let mut join = format!("grant {group} to {}", roles.join(", "));
    if let Some(application) = first.application_role {
        let roles: Vec<&RoleName> = newcomers.iter().map(|n| n.role).collect();
        join = application_role::granting(conn, &roles, application) + "; " + &join;
    }
    send(conn, grants + ";\n" + &makers::changing(conn, first.role, join)).await
}

fn joined(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join(";\n")
}

async fn send(conn: &mut PgConnection, text: String) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(text)).execute(conn).await?;
    Ok(())
}
