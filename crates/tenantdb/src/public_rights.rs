//! What every role of the cluster may do in the database, and who would miss it.
//!
//! PostgreSQL lets PUBLIC connect, make temporary tables, use schema `public`, take advisory locks
//! and make large objects, and a tenant's role with it. A database of Tenantry's own takes that
//! away; in a database that others use it would take it from them too.

use sqlx::{AssertSqlSafe, PgConnection, Row, postgres::PgRow};

const RIGHTS: &str = include_str!("queries/public_rights.sql");
const LOSSES: &str = include_str!("queries/losses.sql");

/// Rights that PUBLIC has, in words: `CONNECT on the database`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublicRights {
    /// Those that the connected role may revoke.
    pub ours: Vec<String>,
    /// Those on the database and on schema `public` that only another role may revoke, with the
    /// statement and the role.
    pub not_ours: Vec<String>,
    /// Those on advisory locks and large objects, which only a superuser may revoke.
    pub superusers: Vec<String>,
}

impl PublicRights {
    #[must_use]
    pub fn all(&self) -> Vec<&str> {
        [&self.ours, &self.not_ours, &self.superusers]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect()
    }

    /// Whether PUBLIC has nothing left that the connected role may revoke, and nothing on the
    /// database or on schema `public` at all.
    #[must_use]
    pub fn are_revoked(&self) -> bool {
        self.ours.is_empty() && self.not_ours.is_empty()
    }
}

/// Reads what PUBLIC may do. One message.
pub async fn read(conn: &mut PgConnection) -> sqlx::Result<PublicRights> {
    let text = format!(
        "{RIGHTS} select class, privilege, ours, min(quote_ident(pg_get_userbyid(owner))),
             format('revoke all on %s from public', min(name))
         from held group by class, privilege, ours
         order by array_position(array['database', 'schema', 'routine'], class), class, privilege"
    );
    let mut rights = PublicRights::default();
    for row in sqlx::query(AssertSqlSafe(text)).fetch_all(conn).await? {
        let class = row.try_get(0)?;
        let right = words(class, row.try_get(1)?);
        match (row.try_get(2)?, class) {
            (true, _) => rights.ours.push(right),
            (false, "database" | "schema") => {
                let (owner, remedy): (&str, &str) = (row.try_get(3)?, row.try_get(4)?);
                rights.not_ours.push(format!("{right} (run as {owner}: {remedy})"));
            }
            // behind the lock of its schema
            (false, "routine") => {}
            (false, _) => rights.superusers.push(right),
        }
    }
    Ok(rights)
}

/// A right that a role of others has through PUBLIC alone: it loses it when PUBLIC does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    pub role: String,
    pub right: String,
    /// The statement that gives the role the same by name.
    pub(crate) grant: String,
}

/// Reads who would lose what, in the order of roles. One message, at the cost of the cluster's roles:
/// for when a database is prepared, not for when a tenant is made. A role that bears the mark of an
/// installation is a tenant's and not listed, nor is one that can neither log in nor has anything
/// in this database.
pub async fn losses(conn: &mut PgConnection) -> sqlx::Result<Vec<Loss>> {
    let rows = sqlx::query(AssertSqlSafe(format!("{RIGHTS} {LOSSES}"))).fetch_all(conn).await?;
    let loss = |row: &PgRow| {
        let right = words(row.try_get(1)?, row.try_get(2)?);
        Ok(Loss { role: row.try_get(0)?, right, grant: row.try_get(3)? })
    };
    rows.iter().map(loss).collect()
}

/// A right on all objects of a class, in words.
fn words(class: &str, privilege: &str) -> String {
    match class {
        "database" => format!("{privilege} on the database"),
        "schema" => format!("{privilege} on schema public"),
        "routine" => format!("{privilege} on the functions of schema public"),
        _ => format!("{privilege} on the functions of {class}s"),
    }
}
