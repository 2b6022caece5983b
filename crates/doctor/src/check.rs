//! A check that is one statement.

use sqlx::{PgConnection, Row};

use crate::{Kind, Subject, report::Gatherer};

/// One statement that finds one kind of trouble: a row of [`checks!`].
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) kind: Kind,
    pub(crate) subject: fn(&str) -> sqlx::Result<Subject>,
    pub(crate) sql: &'static str,
}

/// Makes the table `CHECKS`: kind, subject, and a SELECT of subject, sentence and whether it can be
/// repaired.
///
/// The SELECT may join `scope` (before when a state must have settled, before when a worker must
/// have been seen, and this installation), and `schemas` and `roles`, each with the
/// tenant in its mark, if that is this installation's. The findings come limited, each with the
/// number of all.
macro_rules! checks {
    ($($kind:ident, $subject:ident: $select:literal;)*) => {
        pub(crate) const CHECKS: &[crate::check::Check] = &[$(crate::check::Check {
            kind: crate::Kind::$kind,
            subject: |text| crate::finding::read(text).map(crate::Subject::$subject),
            sql: concat!(
                "with scope as (
                     select now() - make_interval(secs => $1) as settled_before,
                            now() - make_interval(secs => $1 + $2) as silent_before,
                            $3::text as installation
                 ), schemas as not materialized (
                     select n.nspname as name, substring(d.description,
                                '^tenantry:' || $3::text || ':([1-9][0-9]{0,17})(?::imported)?$')::bigint as tenant
                     from pg_catalog.pg_namespace n
                     left join pg_catalog.pg_description d on d.objoid = n.oid and d.objsubid = 0
                         and d.classoid = 'pg_catalog.pg_namespace'::regclass
                 ), roles as not materialized (
                     select r.rolname as name, substring(d.description,
                                '^tenantry:' || $3::text || ':([1-9][0-9]{0,17})$')::bigint as tenant
                     from pg_catalog.pg_roles r
                     left join pg_catalog.pg_shdescription d on d.objoid = r.oid
                         and d.classoid = 'pg_catalog.pg_authid'::regclass
                 )
                 select subject, sentence, fixable, count(*) over () as found
                 from (",
                $select,
                ") as findings (subject, sentence, fixable)
                 order by length(subject), subject
                 limit $4"
            ),
        }),*];
    };
}
pub(crate) use checks;

impl Check {
    /// Adds what the check finds.
    pub(crate) async fn run(
        &self,
        conn: &mut PgConnection,
        gatherer: &mut Gatherer<'_>,
    ) -> sqlx::Result<()> {
        let scope = gatherer.scope;
        let rows = sqlx::query(self.sql)
            .bind(scope.grace.as_secs_f64())
            .bind(scope.dead_after.as_secs_f64())
            .bind(gatherer.installation.as_str())
            .bind(i64::from(scope.limit))
            .fetch_all(conn)
            .await?;
        let mut all = 0;
        for row in &rows {
            let subject = (self.subject)(row.try_get("subject")?)?;
            gatherer.add(self.kind, subject, row.try_get("sentence")?, row.try_get("fixable")?);
            all = u64::try_from(row.try_get::<i64, _>("found")?).unwrap_or_default();
        }
        let more = all.saturating_sub(rows.len() as u64);
        if more > 0 {
            *gatherer.report.found.entry(self.kind).or_default() += more;
        }
        Ok(())
    }
}
