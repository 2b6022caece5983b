//! Extensions and tables that all tenants of a database share: creates and grants what the settings list,
//! and looks whether it still is so.
//!
//! Migrations run as the connected role, so that one references the tables; tenants read them as members
//! of their group, and what a tenant calls of an extension is what PUBLIC may call.

use domain::{InstallationId, RoleName, SchemaName};
use sqlx::{PgConnection, Row};

use crate::bootstrap::run_alone;
use crate::ident::{Ident, array, literal, run};
use crate::mark::Owner;
use crate::schema;
use crate::shared::Shared;

const LACKING: &str = include_str!("queries/shared_lacking.sql");
const CREATE: &str = include_str!("queries/create_extensions.sql");
const GRANT: &str = include_str!("queries/grant_shared.sql");
const FAULTS: &str = include_str!("queries/shared_faults.sql");

/// Everything that sharing this needs and lacks, each as a sentence with what mends it. One message,
/// writes nothing.
pub async fn lacking(conn: &mut PgConnection, shared: &Shared) -> sqlx::Result<Vec<String>> {
    let rows = sqlx::query_as(LACKING).bind(&shared.extensions).bind(&shared.tables);
    let rows: Vec<(String, String)> = rows.fetch_all(conn).await?;
    Ok(rows.into_iter().map(|(what, remedy)| format!("{what} ({remedy})")).collect())
}

/// Creates the extensions that are not there, in schema `tenantry_extensions`, of which the connected
/// role is the owner. Nothing happens for an empty list. Ask [`lacking`] first.
///
/// # Errors
/// When an extension cannot be created.
pub async fn create_extensions(conn: &mut PgConnection, shared: &Shared) -> sqlx::Result<()> {
    if shared.extensions.is_empty() {
        return Ok(());
    }
    run_alone(conn, CREATE.replace("{extensions}", &list(&shared.extensions))).await
}

/// Lets the tenants' group use the extensions and read the tables, and the connected role reference
/// them. Call it where [`crate::bootstrap()`] has made the group.
///
/// # Errors
/// When a right is not ours to grant: ask [`lacking`] first.
pub async fn grant(
    conn: &mut PgConnection,
    installation: &InstallationId,
    shared: &Shared,
) -> sqlx::Result<()> {
    let grant = GRANT
        .replace("{group}", &literal(RoleName::group(installation).as_str()))
        .replace("{tables}", &list(&shared.tables))
        .replace("{extensions}", if shared.extensions.is_empty() { "false" } else { "true" });
    run(conn, grant).await
}

/// What of it is there already, or is not to come by migrations of the application's `schema`.
pub async fn without_what_comes(
    conn: &mut PgConnection,
    shared: &Shared,
    schema: &SchemaName,
) -> sqlx::Result<Shared> {
    let tables = sqlx::query_scalar(
        "select t from unnest($1::text[]) t
         where split_part(t, '.', 1) <> $2
             or to_regclass(format('%I.%I', split_part(t, '.', 1), split_part(t, '.', 2))) is not null",
    )
    .bind(&shared.tables)
    .bind(schema.as_str())
    .fetch_all(conn)
    .await?;
    Ok(Shared { tables, ..shared.clone() })
}

/// Makes the schema of the application's own tables, unless it is there. Says why it is not fit for them, if so.
///
/// # Errors
/// When it cannot be made.
pub async fn claim_schema(
    conn: &mut PgConnection,
    schema: &SchemaName,
) -> sqlx::Result<Option<String>> {
    if schema::owner(conn, schema).await? == Owner::Nobody {
        run(conn, format!("create schema {}", Ident::from(schema))).await?;
    }
    sqlx::query_scalar(
        "select case
             when starts_with(obj_description(n.oid, 'pg_namespace'), 'tenantry:')
                 then 'it is a tenant''s; name another one in `tenants.shared_schema`'
             when not (has_schema_privilege(n.oid, 'create') and has_schema_privilege(n.oid, 'usage'))
                 then format('%I may not create in it; as its owner: grant usage, create on schema %I to %I',
                     current_user, n.nspname, current_user)
         end
         from pg_catalog.pg_namespace n where n.nspname = $1",
    )
    .bind(schema.as_str())
    .fetch_one(conn)
    .await
}

/// How what tenants share differs from what is listed, or is open to more than their use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShareFaults {
    /// Migrations or tenants lack something.
    pub missing: Vec<String>,
    /// Somebody could change what all tenants use.
    pub open: Vec<String>,
}

/// Looks at what tenants share. One message.
pub async fn faults(
    conn: &mut PgConnection,
    installation: &InstallationId,
    shared: &Shared,
) -> sqlx::Result<ShareFaults> {
    let rows = sqlx::query(FAULTS)
        .bind(RoleName::group(installation).as_str())
        .bind(&shared.extensions)
        .bind(&shared.tables)
        .fetch_all(conn)
        .await?;
    let mut faults = ShareFaults::default();
    for row in rows {
        let list = if row.try_get(1)? { &mut faults.missing } else { &mut faults.open };
        list.push(row.try_get(0)?);
    }
    Ok(faults)
}

/// Extensions in schema `tenantry_extensions` that are not listed, in their order: nobody drops them.
pub async fn unlisted(conn: &mut PgConnection, shared: &Shared) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "select e.extname::text from pg_catalog.pg_extension e
         where e.extnamespace = to_regnamespace('tenantry_extensions') and e.extname <> all ($1::text[])
         order by 1",
    )
    .bind(&shared.extensions)
    .fetch_all(conn)
    .await
}

/// What tenants may use besides what is listed: a sentence for each schema of the tables, which tenants
/// may enter, with what PUBLIC may do there, and one for each other table that their group may read.
pub async fn opened(
    conn: &mut PgConnection,
    installation: &InstallationId,
    shared: &Shared,
) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(include_str!("queries/shared_opened.sql"))
        .bind(&shared.tables)
        .bind(RoleName::group(installation).as_str())
        .fetch_all(conn)
        .await
}

fn list(names: &[String]) -> String {
    array(names.iter().map(String::as_str))
}
