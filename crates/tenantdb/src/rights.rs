//! Asks at start-up, in words, for the rights that provisioning will need.

use sqlx::{PgConnection, Row};

/// Checks that the connected role may make roles and schemas. One message.
///
/// # Errors
/// [`RightsError::Lacking`] names every right that is missing, with the statement that gives it.
pub async fn check(conn: &mut PgConnection) -> Result<(), RightsError> {
    let row = sqlx::query(
        "select quote_ident(current_user), quote_ident(current_database()),
                r.rolsuper or r.rolcreaterole,
                has_database_privilege(current_database(), 'create')
         from pg_catalog.pg_roles r where r.rolname = current_user",
    )
    .fetch_one(conn)
    .await
    .map_err(|source| RightsError::Database { source })?;
    let read = |source| RightsError::Database { source };
    let role: String = row.try_get(0).map_err(read)?;
    let database: String = row.try_get(1).map_err(read)?;
    let mut lacking = Vec::new();
    if !row.try_get::<bool, _>(2).map_err(read)? {
        lacking.push(format!("it may not create roles (run: alter role {role} createrole)"));
    }
    if !row.try_get::<bool, _>(3).map_err(read)? {
        lacking.push(format!(
            "it may not create schemas (run: grant create on database {database} to {role})"
        ));
    }
    if lacking.is_empty() { Ok(()) } else { Err(RightsError::Lacking { role, lacking }) }
}

/// Why the connected role cannot provision tenants. For the operator at start-up, not for callers.
#[derive(Debug, thiserror::Error)]
pub enum RightsError {
    /// A right is missing.
    #[error("the database role {role} cannot provision tenants: {}", lacking.join("; "))]
    Lacking {
        /// The connected role.
        role: String,
        /// Each missing right and the statement that gives it.
        lacking: Vec<String>,
    },
    /// The catalogue could not be read.
    #[error("could not read the rights of the connected database role")]
    Database {
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
}
