//! A check that is one statement.

use domain::InstallationId;
use sqlx::{PgConnection, Row};

use crate::{Kind, Subject, report::Gatherer};

/// One statement that finds one kind of trouble; made with [`finds!`].
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) kind: Kind,
    /// Reads the first column.
    pub(crate) subject: fn(&str) -> sqlx::Result<Subject>,
    pub(crate) sql: &'static str,
}

/// The statement around a check's SELECT of subject, sentence and whether it can be repaired.
///
/// `scope` is there for it to join: before when a state must have settled, before when a worker
/// must have been seen, and who we are. The findings come limited, each with the number of all.
macro_rules! finds {
    ($select:literal) => {
        concat!(
            "with scope as (
                 select now() - make_interval(secs => $1) as settled_before,
                        now() - make_interval(secs => $1 + $2) as silent_before,
                        $3::text as installation
             )
             select subject, sentence, fixable, count(*) over () as found
             from (",
            $select,
            ") as findings (subject, sentence, fixable)
             order by length(subject), subject
             limit $4"
        )
    };
}
pub(crate) use finds;

impl Check {
    /// Adds what the check finds.
    pub(crate) async fn run(
        &self,
        conn: &mut PgConnection,
        installation: &InstallationId,
        gatherer: &mut Gatherer<'_>,
    ) -> sqlx::Result<()> {
        let scope = gatherer.scope;
        let rows = sqlx::query(self.sql)
            .bind(scope.grace.as_secs_f64())
            .bind(scope.dead_after.as_secs_f64())
            .bind(installation.as_str())
            .bind(i64::from(scope.limit))
            .fetch_all(conn)
            .await?;
        let mut all = 0;
        for row in &rows {
            let subject = (self.subject)(row.try_get("subject")?)?;
            gatherer.add(self.kind, subject, row.try_get("sentence")?, row.try_get("fixable")?);
            all = u64::try_from(row.try_get::<i64, _>("found")?).unwrap_or_default();
        }
        gatherer.count_more(self.kind, all.saturating_sub(rows.len() as u64));
        Ok(())
    }
}
