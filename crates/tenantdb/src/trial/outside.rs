//! What lies outside the tenants' schemas.

use domain::{InstallationId, SchemaName};
use sqlx::PgConnection;

use crate::shape::Shape;
use crate::shared::Shared;

const OUTSIDE: &str = include_str!("../queries/outside.sql");

/// What a migration of a schema may not change.
#[derive(Debug)]
pub(super) struct Outside<'o> {
    /// The roles of its tenants are passed over.
    pub(super) installation: &'o InstallationId,
    pub(super) schema: &'o SchemaName,
    pub(super) shared: &'o Shared,
}

impl Outside<'_> {
    /// Each object with a text that is another one once this transaction has changed it. The transaction is in
    /// REPEATABLE READ. One statement, at the cost of all schemas' names and of what lies in those that are
    /// no tenant's.
    pub(super) async fn read(&self, conn: &mut PgConnection) -> sqlx::Result<Shape> {
        let rows: Vec<(String, String)> = sqlx::query_as(OUTSIDE)
            .bind(format!("tn_{}_", self.installation))
            .bind(self.schema.as_str())
            .bind(&self.shared.tables)
            .fetch_all(conn)
            .await?;
        Ok(rows.into_iter().collect())
    }
}
