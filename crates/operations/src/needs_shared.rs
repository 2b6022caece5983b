//! Refuses a stage whose tenant migrations need a shared migration that is not applied.

use domain::codes;
use engine::{During, StepError};
use sqlx::PgConnection;
use store::shared_migrations;
use tenantdb::MigrationSet;

use crate::{learning, refusal::Refusal};

/// Looks only where a file of the set needs one.
pub(crate) async fn check(conn: &mut PgConnection, set: &MigrationSet) -> Result<(), StepError> {
    const ACT: &str = "look for the shared migrations";
    if !set.needs_shared() {
        return Ok(());
    }
    let lacking = shared_migrations::lacking(conn, set.hash()).await.during(ACT)?;
    if lacking.is_empty() {
        return Ok(());
    }
    Err(Refusal::told(codes::NEEDS_SHARED, learning::needs_shared(&lacking))).during(ACT)
}
