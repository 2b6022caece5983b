//! What tenants' roles have outside the tenants' schemas, where they are given nothing by name.

use domain::{InstallationId, RoleName};
use sqlx::{PgConnection, Row};

const ELSEWHERE: &str = include_str!("queries/elsewhere.sql");

/// Something outside the tenants' schemas that a tenant's role has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    pub role: String,
    /// What it has on what, in a sentence about "the role".
    pub sentence: String,
    /// The statement that takes it back; `None` for what belongs to the role.
    pub remedy: Option<String>,
}

/// What the roles of all tenants have, in their order, or what one role has: rights by name on anything
/// in this database or of the whole server, and objects that belong to them. One statement, at the cost
/// of what the server keeps of these roles.
pub async fn read(
    conn: &mut PgConnection,
    installation: &InstallationId,
    role: Option<&RoleName>,
) -> sqlx::Result<Vec<Elsewhere>> {
    let rows = sqlx::query(ELSEWHERE)
        .bind(installation.as_str())
        .bind(role.map(|role| vec![role.as_str()]))
        .fetch_all(conn)
        .await?;
    rows.iter()
        .map(|row| {
            let (role, sentence, remedy) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            Ok(Elsewhere { role, sentence, remedy })
        })
        .collect()
}
