//! What the tenants' migrations make: what they made when the installation first learnt it.
//!
//! A migration may ask the whole database whether something exists. Workers hold what it makes against
//! what is remembered, and so are tenants held here: one that was made by then is not wrong because the
//! same files would make another today.

use sqlx::PgConnection;
use store::promises::{self, Remembered};
use tenantdb::{Promise, Shape, survey_format};

use crate::{ExamineError, Kind, Subject, report::Gatherer};

/// Differences that the finding names.
const NAMED: usize = 10;

/// What tenants are held against; what the migrations make today if nothing is remembered. Tells once
/// if that is something else.
pub(super) async fn learn(
    conn: &mut PgConnection,
    gatherer: &mut Gatherer<'_>,
) -> Result<Promise, ExamineError> {
    let set = &gatherer.scope.migrations;
    let promise = Promise::learn(conn, set).await.map_err(ExamineError::Migrations)?;
    let Some(first) = remembered(conn, set.hash()).await.map_err(ExamineError::during(
        "read what the installation knows of the tenant migrations",
    ))?
    else {
        return Ok(promise);
    };
    match serde_json::from_value::<Shape>(first.shape.clone()) {
        Ok(expected) => {
            let differences = promise.differences_from(&expected);
            if !differences.is_empty() {
                tell(gatherer, sentence(&first, &differences));
            }
            Ok(promise.as_first_learnt(&expected))
        }
        Err(why) => {
            tell(
                gatherer,
                format!("what is remembered of the tenant migrations cannot be read: {why}"),
            );
            Ok(promise)
        }
    }
}

async fn remembered(conn: &mut PgConnection, hash: &str) -> sqlx::Result<Option<Remembered>> {
    let key = promises::key(conn, hash, survey_format()).await?;
    promises::remembered(conn, key).await
}

fn sentence(first: &Remembered, differences: &[String]) -> String {
    let more = match differences.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    format!(
        "the tenant migrations make something else than when they were first learnt at {}: {}{more}; no \
         worker starts, and tenants are held against what was learnt first; a migration asks for something \
         outside its tenant's schema, or the database has changed; `tenantry migrate tenant relearn` \
         accepts what they make now",
        first.learnt_at.format("%Y-%m-%d %H:%M:%S UTC"),
        differences[..differences.len().min(NAMED)].join(", "),
    )
}

fn tell(gatherer: &mut Gatherer<'_>, sentence: String) {
    let subject = Subject::Control("the tenant migrations".to_owned());
    gatherer.add(Kind::PromiseDiffers, subject, sentence, false);
}
