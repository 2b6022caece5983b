//! Which database of which server a connection leads to.

use std::fmt;

use sqlx::PgConnection;

/// A database, as its server identifies it.
///
/// A file-level copy of a server (standby, restored base backup, snapshot) keeps all three, and has
/// roles of its own: it is the same database. `pg_upgrade` and `pg_restore` change the system
/// identifier, `create database … template` the oid, a rename the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// Its number in `pg_database`.
    pub oid: i64,
    pub name: String,
    /// The server's number; `None` where the server keeps it to itself.
    pub system: Option<i64>,
}

impl Database {
    /// The database at the other end. Not within a transaction: what the server may refuse would
    /// end it.
    pub async fn here(conn: &mut PgConnection) -> sqlx::Result<Self> {
        let row = sqlx::query!(
            r#"select oid::bigint as "oid!", datname::text as "name!"
               from pg_catalog.pg_database where datname = current_database()"#,
        )
        .fetch_one(&mut *conn)
        .await?;
        let system = sqlx::query_scalar!(
            r#"select system_identifier as "id!" from pg_catalog.pg_control_system()"#,
        );
        let system = match system.fetch_one(conn).await {
            Ok(id) => Some(id),
            // some providers give the function to nobody
            Err(error) if error.as_database_error().is_some() => None,
            Err(error) => return Err(error),
        };
        Ok(Self { oid: row.oid, name: row.name, system })
    }

    /// Whether `self` and `other` are one database. A rename does not matter where both servers are
    /// known.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.oid == other.oid
            && match (self.system, other.system) {
                (Some(one), Some(another)) => one == another,
                _ => self.name == other.name,
            }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` (oid {}", self.name, self.oid)?;
        match self.system {
            Some(system) => write!(f, ", server {system})"),
            None => f.write_str(", server unknown)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(oid: i64, name: &str, system: Option<i64>) -> Database {
        Database { oid, name: name.to_owned(), system }
    }

    #[test]
    fn another_oid_or_another_server_is_another_database() {
        let prod = database(5, "prod", Some(1));

        assert!(!prod.is(&database(6, "prod", Some(1))));
        assert!(!prod.is(&database(5, "prod", Some(2))));
        assert!(!prod.is(&database(6, "prod", None)));
    }

    #[test]
    fn a_renamed_database_is_the_same_where_the_server_is_known() {
        let prod = database(5, "prod", Some(1));

        assert!(prod.is(&database(5, "live", Some(1))));
        assert!(prod.is(&database(5, "prod", None)));
        assert!(!prod.is(&database(5, "live", None)));
    }
}
