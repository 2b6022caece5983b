//! What the tenants' migrations make: what they made when the installation first learnt it.
//!
//! A migration may ask the whole database whether something exists. Workers hold what it makes against
//! what is remembered, and so are tenants held here: one that was made by then is not wrong because the
//! same files would make another today.

use sqlx::PgConnection;
use store::promises::{self, Remembered};
use tenantdb::{
    MigrationSet, Promise,
    shape::{self, Shape},
    survey_format,
};

use crate::{ExamineError, Kind, Subject, report::Gatherer};

/// What tenants are held against; what the migrations make today if nothing is remembered. Tells once
/// if that is something else.
pub(super) async fn learn(
    conn: &mut PgConnection,
    gatherer: &mut Gatherer<'_>,
) -> Result<Promise, ExamineError> {
    let (promise, told) = known(conn, &gatherer.scope.migrations).await?;
    if let Some(sentence) = told {
        let subject = Subject::Control("the tenant migrations".to_owned());
        gatherer.add(Kind::PromiseDiffers, subject, sentence, false);
    }
    Ok(promise)
}

/// The same, with the sentence.
pub(super) async fn known(
    conn: &mut PgConnection,
    set: &MigrationSet,
) -> Result<(Promise, Option<String>), ExamineError> {
    let during =
        || ExamineError::during("read what the installation knows of the tenant migrations");
    let promise = Promise::learn(conn, set).await.map_err(ExamineError::Migrations)?;
    let key = promises::key(conn, set.hash(), survey_format()).await.map_err(during())?;
    let first = promises::remembered(conn, key).await.map_err(during())?;
    let Some(Remembered { shape, learnt_at, .. }) = first else { return Ok((promise, None)) };
    match serde_json::from_value::<Shape>(shape) {
        Ok(expected) => {
            let differences = promise.differences_from(&expected);
            let learnt_at = learnt_at.format("%Y-%m-%d %H:%M:%S UTC");
            let told = format!(
                "the tenant migrations make something else than when they were first learnt at \
                 {learnt_at}: {}; no worker starts, and tenants are held against what was learnt first; \
                 a migration asks for something outside its tenant's schema, or the database has \
                 changed; `tenantry migrate tenant relearn` accepts what they make now",
                shape::listing(&differences),
            );
            Ok((promise.as_first_learnt(&expected), (!differences.is_empty()).then_some(told)))
        }
        Err(why) => {
            let told = format!("what is remembered of the tenant migrations cannot be read: {why}");
            Ok((promise, Some(told)))
        }
    }
}
