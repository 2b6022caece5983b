//! Tenants of whom nothing is there yet: each act for all of them at once, in one message. They are
//! built, or adopt what was built in advance: schema and role get new names and marks then, all that
//! lies in them stays as it is.
//!
//! Nothing is looked up first. A name that is in use is an error of the server, whoever has it,
//! and the caller then takes each tenant by itself, with the functions that look.
//!
//! A spare's [`fingerprints`] are taken when it is built and compared when it is given away: a spare
//! that was changed in between is noticed without a look at each of its objects.

use domain::{InstallationId, RoleName, SchemaName, TenantId};
use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::ident::{Ident, array, literal, run};
use crate::ledger::Reached;
use crate::makers;
use crate::migrations::{self, MigrateError, MigrationSet};
use crate::promise::Promise;
use crate::survey::Subject;
use crate::{application_role, grants, role, schema};

const FINGERPRINT: &str = include_str!("queries/fingerprint.sql");

/// Creates and marks the role of each, as [`role::claim`] does where the name is free.
///
/// # Errors
/// SQLSTATE 42710 when a name is taken, 42501 when we may not create roles.
pub async fn create_roles(
    conn: &mut PgConnection,
    newcomers: &[Subject<'_>],
    connection_limit: i32,
) -> sqlx::Result<()> {
    let creations = newcomers
        .iter()
        .map(|n| role::creation(n.role, n.schema, connection_limit, &n.mark, n.path));
    let Some(first) = newcomers.first() else { return Ok(()) };
    let creation = makers::making(conn, &first.mark.installation, joined(creations));
    run(conn, creation).await
}

/// Creates and marks the schema of each, as [`schema::claim`] does where the name is free.
///
/// # Errors
/// SQLSTATE 42P06 when a name is taken.
pub async fn create_schemas(
    conn: &mut PgConnection,
    newcomers: &[Subject<'_>],
) -> sqlx::Result<()> {
    run(conn, joined(newcomers.iter().map(|n| schema::creation(n.schema, &n.mark)))).await
}

/// What [`migrations::apply`] does, for all: two messages, and one statement that writes all their rows in
/// the ledger. The set is one that a [`Promise`] was learnt of: it is registered, and has been applied
/// before.
///
/// # Errors
/// As [`migrations::apply`], for the first that fails; which one and in which file is not told.
pub async fn migrate(
    conn: &mut PgConnection,
    newcomers: &[Subject<'_>],
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
    spares: &[Subject<'_>],
    set: &MigrationSet,
) -> Result<(), MigrateError> {
    migrations::apply_to_empty(conn, &schemas(spares), set, "").await
}

fn schemas<'a>(newcomers: &[Subject<'a>]) -> Vec<&'a SchemaName> {
    newcomers.iter().map(|newcomer| newcomer.schema).collect()
}

/// What [`grants::grant`] does, for all, whose roles [`create_roles`] made.
///
/// # Errors
/// As [`grants::grant`], for the first that fails.
pub async fn grant(
    conn: &mut PgConnection,
    newcomers: &[Subject<'_>],
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
    let grants = grants + ";\n" + &makers::changing(conn, first.role, join);
    run(conn, grants).await
}

fn joined(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join(";\n")
}

/// A text for each spare that is another one once anything in its schema has been added, changed or
/// removed, or its role, what that may do, or who may become it; rows of data do not count. Empty without
/// schema and role. One message, an answer for each in order.
pub async fn fingerprints(
    conn: &mut PgConnection,
    installation: &InstallationId,
    spares: impl IntoIterator<Item = TenantId>,
) -> sqlx::Result<Vec<String>> {
    read(conn, fingerprint(installation, spares)).await
}

/// Makes each spare, by the id that its names and marks bear, its tenant's, and tells the fingerprint
/// that each had: one message for all. A spare is made as any tenant is, with the names
/// [`SchemaName::of_spare`] and [`RoleName::of`].
///
/// # Errors
/// SQLSTATE 42P06 or 42710 when a tenant's name is in use, 3F000 or 42704 when a spare is not there.
pub async fn adopt(
    conn: &mut PgConnection,
    installation: &InstallationId,
    adoptions: &[(TenantId, Subject<'_>)],
) -> sqlx::Result<Vec<String>> {
    let mut texts = vec![fingerprint(installation, adoptions.iter().map(|(spare, _)| *spare))];
    let renaming = |(spare, tenant): &(_, _)| renaming(conn, installation, *spare, tenant);
    texts.extend(adoptions.iter().map(renaming));
    read(conn, texts.join(";\n")).await
}

fn fingerprint(
    installation: &InstallationId,
    spares: impl IntoIterator<Item = TenantId>,
) -> String {
    let (schemas, roles): (Vec<SchemaName>, Vec<RoleName>) = spares
        .into_iter()
        .map(|spare| (SchemaName::of_spare(spare), RoleName::of(installation, spare)))
        .unzip();
    FINGERPRINT
        .replace("{schemas}", &array(schemas.iter().map(SchemaName::as_str)))
        .replace("{roles}", &array(roles.iter().map(RoleName::as_str)))
}

async fn read(conn: &mut PgConnection, message: String) -> sqlx::Result<Vec<String>> {
    let rows = sqlx::raw_sql(AssertSqlSafe(message)).fetch_all(conn).await?;
    rows.iter().map(|row| row.try_get(1)).collect()
}

fn renaming(
    conn: &PgConnection,
    installation: &InstallationId,
    spare: TenantId,
    tenant: &Subject<'_>,
) -> String {
    let (old_schema, old_role) = (SchemaName::of_spare(spare), RoleName::of(installation, spare));
    let (old, schema) = (Ident::from(&old_schema), Ident::from(tenant.schema));
    let (from, role) = (Ident::from(&old_role), Ident::from(tenant.role));
    let mark = literal(&tenant.mark.to_string());
    let finds = role::finds(tenant.role, tenant.schema, tenant.path);
    let rename = format!(
        "alter role {from} rename to {role};
         comment on role {role} is {mark};
         {finds}"
    );
    format!(
        "alter schema {old} rename to {schema};
         comment on schema {schema} is {mark};
         {}",
        makers::changing(conn, &old_role, rename)
    )
}
