//! Holds the control schema and the queue against what guards promises there: tables, constraints,
//! unique indexes, triggers, functions.

use sqlx::{PgConnection, PgPool};

use super::promise;
use crate::{ExamineError, Kind, Subject, report::Gatherer};

/// Compares schema `tenantry` with what its migrations make, in a transaction that is rolled back.
pub(crate) async fn look(pool: &PgPool, gatherer: &mut Gatherer<'_>) -> Result<(), ExamineError> {
    if !gatherer.scope.wants(Kind::ControlSchemaDiffers) {
        return Ok(());
    }
    let failed = || ExamineError::during("hold the control schema against its migrations");
    let mut conn = promise::connect(pool).await.map_err(failed())?;
    let found = tenantdb::shape::differences_from_scripts(
        &mut conn,
        "tenantry",
        store::migration_scripts(),
    );
    for sentence in found.await.map_err(failed())? {
        add(format!("in schema tenantry {sentence}"), gatherer);
    }
    Ok(())
}

/// Tells what the queue lacks, and whether its table is there.
pub(crate) async fn queue(
    conn: &mut PgConnection,
    gatherer: &mut Gatherer<'_>,
) -> sqlx::Result<bool> {
    for sentence in queue::faults(conn).await? {
        add(format!("{sentence}; `tenantry migrate public up` mends it"), gatherer);
    }
    sqlx::query_scalar("select to_regclass('apalis.jobs') is not null").fetch_one(conn).await
}

fn add(sentence: String, gatherer: &mut Gatherer<'_>) {
    let subject = Subject::Control(sentence.clone());
    gatherer.add(Kind::ControlSchemaDiffers, subject, sentence, false);
}
