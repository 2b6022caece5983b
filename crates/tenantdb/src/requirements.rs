//! What an installation needs of a server, a database and a role, looked at before anything is made.

use domain::DatabaseMode;
use sqlx::{PgConnection, Row};

use crate::rights;

const LACKING: &str = include_str!("queries/requirements.sql");

/// Everything that an installation in this mode needs and lacks, each as a sentence with the
/// statement that mends it; empty when it can be installed. Two messages, writes nothing.
pub async fn lacking(conn: &mut PgConnection, mode: DatabaseMode) -> sqlx::Result<Vec<String>> {
    let mut lacking = rights::lacking(conn, None).await?.lacking;
    let rows = sqlx::query(LACKING).bind(mode == DatabaseMode::Own).fetch_all(conn).await?;
    for row in rows {
        let (what, remedy): (String, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
        lacking.push(match remedy {
            Some(remedy) => format!("{what} ({remedy})"),
            None => what,
        });
    }
    Ok(lacking)
}
