//! Asks in words for the rights that provisioning will need, and for what an installation needs.

use domain::{DatabaseMode, InstallationId, RoleName};
use sqlx::{PgConnection, Row};

const REQUIREMENTS: &str = include_str!("queries/requirements.sql");

/// Checks that the connected role may make roles and schemas, and may take tenants into the group of
/// `installation`, once there is one. One message.
///
/// # Errors
/// [`RightsError::Lacking`] names every right that is missing, with the statement that gives it.
pub async fn check(
    conn: &mut PgConnection,
    installation: Option<&InstallationId>,
) -> Result<(), RightsError> {
    let (role, lacking) = of_connected(conn, installation.map(RoleName::group)).await?;
    if lacking.is_empty() { Ok(()) } else { Err(RightsError::Lacking { role, lacking }) }
}

/// Everything that an installation in this mode needs of server, database and role, and lacks, each as
/// a sentence with the statement that mends it; empty when it can be installed. Two messages, writes
/// nothing.
pub async fn lacking(conn: &mut PgConnection, mode: DatabaseMode) -> sqlx::Result<Vec<String>> {
    let (_, mut lacking) = of_connected(conn, None).await?;
    let rows: Vec<(String, Option<String>)> =
        sqlx::query_as(REQUIREMENTS).bind(mode == DatabaseMode::Own).fetch_all(conn).await?;
    lacking.extend(rows.into_iter().map(|(what, remedy)| match remedy {
        Some(remedy) => format!("{what} ({remedy})"),
        None => what,
    }));
    Ok(lacking)
}

/// The connected role, and each right that it lacks with the statement that gives it.
async fn of_connected(
    conn: &mut PgConnection,
    group: Option<RoleName>,
) -> sqlx::Result<(String, Vec<String>)> {
    // before 16 CREATEROLE alone is enough to take others into a group
    let row = sqlx::query(
        "select quote_ident(current_user), quote_ident(current_database()),
                r.rolsuper or r.rolcreaterole,
                has_database_privilege(current_database(), 'create'),
                current_setting('server_version_num')::int < 160000 or to_regrole($1) is null
                    or pg_has_role(to_regrole($1), 'member with admin option')
         from pg_catalog.pg_roles r where r.rolname = current_user",
    )
    .bind(group.as_ref().map(RoleName::as_str))
    .fetch_one(conn)
    .await?;
    let (role, database): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    let mut lacking = Vec::new();
    if !row.try_get::<bool, _>(2)? {
        lacking.push(format!("{role} may not create roles (run: alter role {role} createrole)"));
    }
    if !row.try_get::<bool, _>(3)? {
        lacking.push(format!(
            "{role} may not create schemas (run: grant create on database {database} to {role})"
        ));
    }
    if let Some(group) = group.filter(|_| row.try_get(4).is_ok_and(|may: bool| !may)) {
        let group = group.as_str();
        lacking.push(format!(
            "{role} may not take tenants into their group (run: grant {group} to {role} with admin option)"
        ));
    }
    Ok((role, lacking))
}

/// Why the connected role cannot provision tenants. For the operator at start-up, not for callers.
#[derive(Debug, thiserror::Error)]
pub enum RightsError {
    #[error("the database role {role} cannot provision tenants: {}", lacking.join("; "))]
    Lacking {
        role: String,
        /// Each missing right and the statement that gives it.
        lacking: Vec<String>,
    },
    /// The catalogue could not be read.
    #[error("could not read the rights of the connected database role")]
    Database(#[from] sqlx::Error),
}
