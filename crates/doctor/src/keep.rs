//! Keeps what was found: with the first and the last time it was seen, until it is no longer so.

use std::time::Duration;

use sqlx::{
    Connection as _, PgConnection,
    types::chrono::{DateTime, Utc},
};
use store::{
    checks::{self, Drifted, Look, Reason, Taken},
    findings::{self, Sighting},
};

use crate::{
    Finding, Kind, Report, Scope, Subject, TenantReport,
    checks::promise::{OF_ONE, WALKED},
};

/// Findings that one statement records.
const PORTION: usize = 500;

/// Objects of one tenant that are kept.
const DRIFT: usize = 100;

/// Records what a look at a tenant came to, as the newest, and its findings. The next look is due
/// within `period`. One transaction.
///
/// # Errors
/// When the database fails.
pub async fn keep_tenant(
    conn: &mut PgConnection,
    taken: Taken,
    report: &TenantReport,
    period: Duration,
) -> sqlx::Result<()> {
    let reason =
        |it: &Finding| Reason { code: it.kind.as_str().to_owned(), message: it.sentence.clone() };
    let look = Look {
        duration: report.duration,
        schema_valid: report.schema_valid,
        db_accessible: report.db_accessible,
        health: report.health,
        reasons: report.findings.iter().map(reason).collect(),
        drift: report.drift.as_ref().map(|it| drifted(&it.objects)),
    };
    let mut tx = conn.begin().await?;
    if checks::record(&mut tx, taken, &look, period).await? {
        findings::record(&mut tx, sightings(&report.findings)).await?;
        let subjects: Vec<_> = report.subjects.iter().map(stored).collect();
        let kinds: Vec<_> = [OF_ONE, WALKED].concat().into_iter().map(Kind::as_str).collect();
        findings::close_of(&mut tx, &subjects, &kinds, taken.at).await?;
    }
    tx.commit().await
}

/// The objects by name: definitions may hold what is the tenant's.
fn drifted(objects: &[tenantdb::drift::Drifted]) -> Vec<Drifted> {
    let drifted = |it: &tenantdb::drift::Drifted| Drifted {
        object: it.object.clone(),
        difference: it.difference.as_str().to_owned(),
    };
    objects.iter().take(DRIFT).map(drifted).collect()
}

/// Records what an examination found that began at `since`, and closes what it did not find again.
///
/// # Errors
/// When the database fails.
pub async fn keep_examination(
    conn: &mut PgConnection,
    report: &Report,
    scope: &Scope,
    since: DateTime<Utc>,
) -> sqlx::Result<()> {
    let kinds = told_whole(report, scope);
    let portions: Vec<_> = report.findings.chunks(PORTION).map(sightings).collect();
    for portion in portions {
        findings::record(conn, portion).await?;
    }
    while findings::close_unseen(conn, &kinds, since).await? {}
    Ok(())
}

/// The kinds that were looked for and told to the last one: of others, some that are open were not
/// told.
fn told_whole(report: &Report, scope: &Scope) -> Vec<&'static str> {
    let is_whole =
        |kind: &Kind| report.found.get(kind).is_none_or(|all| *all <= u64::from(scope.limit));
    let kinds = Kind::ALL.iter().copied().filter(|kind| scope.wants(*kind) && is_whole(kind));
    kinds.map(Kind::as_str).collect()
}

fn sightings(found: &[Finding]) -> Vec<Sighting> {
    let sighting = |it: &Finding| Sighting {
        kind: it.kind.as_str(),
        subject: stored(&it.subject),
        sentence: it.sentence.clone(),
        fixable: it.fixable,
    };
    found.iter().map(sighting).collect()
}

fn stored(subject: &Subject) -> findings::Subject {
    let (of, id) = subject.parts();
    findings::Subject { of: of.to_owned(), id }
}
