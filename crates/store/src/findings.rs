//! What looks have found, since when, and whether it is still so.

use chrono::{DateTime, Utc};
use domain::TenantId;
use sqlx::PgConnection;

/// The count of a kind goes no further, so that it stays cheap.
const COUNT_CAP: i64 = 10_000;

/// Findings that one statement closes.
const PORTION: i64 = 1_000;

/// Something that was found now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    pub kind: &'static str,
    pub subject: Subject,
    pub sentence: String,
    /// Whether there is a repair for it.
    pub fixable: bool,
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// `tenant`, `item`, `schema`, …
    pub of: String,
    pub id: String,
}

/// A finding, open or closed.
#[derive(Debug, Clone)]
pub struct Finding {
    pub id: i64,
    pub kind: String,
    pub subject_type: String,
    pub subject_id: String,
    pub tenant_id: Option<i64>,
    pub sentence: String,
    pub fixable: bool,
    pub first_seen: DateTime<Utc>,
    pub last_seen: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
}

/// Opens what is new and renews what is open. One statement.
pub async fn record(conn: &mut PgConnection, seen: Vec<Sighting>) -> sqlx::Result<()> {
    if seen.is_empty() {
        return Ok(());
    }
    let columns = Columns::of(seen);
    sqlx::query_file!(
        "queries/findings/record.sql",
        &columns.kinds,
        &columns.types,
        &columns.ids,
        &columns.sentences,
        &columns.fixable,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// One list a column.
#[derive(Default)]
struct Columns {
    kinds: Vec<String>,
    types: Vec<String>,
    ids: Vec<String>,
    sentences: Vec<String>,
    fixable: Vec<bool>,
}

impl Columns {
    fn of(seen: Vec<Sighting>) -> Self {
        let mut columns = Self::default();
        for Sighting { kind, subject, sentence, fixable } in seen {
            columns.kinds.push(kind.to_owned());
            columns.types.push(subject.of);
            columns.ids.push(subject.id);
            columns.sentences.push(sentence);
            columns.fixable.push(fixable);
        }
        columns
    }
}

/// Closes what is open of these kinds about these subjects and was not seen since `since`.
pub async fn close_of(
    conn: &mut PgConnection,
    subjects: &[Subject],
    kinds: &[&str],
    since: DateTime<Utc>,
) -> sqlx::Result<()> {
    let (types, ids): (Vec<String>, Vec<String>) =
        subjects.iter().map(|it| (it.of.clone(), it.id.clone())).unzip();
    sqlx::query!(
        "update tenantry.findings f set closed_at = now()
         from unnest($1::text[], $2::text[]) as s (subject_type, subject_id)
         where f.subject_type = s.subject_type and f.subject_id = s.subject_id
           and f.closed_at is null and f.kind = any($3) and f.last_seen < $4",
        &types,
        &ids,
        &words(kinds),
        since,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// The same about any subject, a portion; returns whether there may be more.
pub async fn close_unseen(
    conn: &mut PgConnection,
    kinds: &[&str],
    since: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let closed = sqlx::query!(
        "update tenantry.findings set closed_at = now()
         where id = any(array(
             select id from tenantry.findings
             where closed_at is null and kind = any($1) and last_seen < $2 limit $3))",
        &words(kinds),
        since,
        PORTION,
    )
    .execute(conn)
    .await?;
    Ok(i64::try_from(closed.rows_affected()) == Ok(PORTION))
}

/// Which findings a list has.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Those that are no longer so, instead of those that are.
    pub closed: bool,
    pub tenant: Option<TenantId>,
    pub kind: Option<String>,
}

/// At most `limit` findings before id `before`, newest first.
pub async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> sqlx::Result<Vec<Finding>> {
    sqlx::query_file_as!(
        Finding,
        "queries/findings/list.sql",
        filter.closed,
        filter.tenant.map(TenantId::get),
        filter.kind.as_deref(),
        before.unwrap_or(i64::MAX),
        limit,
    )
    .fetch_all(conn)
    .await
}

/// How many findings of each of these kinds are open, up to 10,000.
pub async fn count_open(
    conn: &mut PgConnection,
    kinds: &[&str],
) -> sqlx::Result<Vec<(String, i64)>> {
    let rows = sqlx::query!(
        r#"select k.kind as "kind!", f.found as "found!"
           from unnest($1::text[]) as k (kind)
           cross join lateral (select count(*) as found from (
               select from tenantry.findings f where f.closed_at is null and f.kind = k.kind limit $2) o) f"#,
        &words(kinds),
        COUNT_CAP,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.kind, row.found)).collect())
}

/// Deletes findings that were closed `days` ago, at most `limit`, and says how many.
pub async fn prune(conn: &mut PgConnection, days: i32, limit: i64) -> sqlx::Result<i64> {
    let gone = sqlx::query!(
        "delete from tenantry.findings where id = any(array(
             select id from tenantry.findings
             where closed_at < now() - make_interval(days => $1) order by closed_at limit $2))",
        days,
        limit,
    )
    .execute(conn)
    .await?;
    Ok(i64::try_from(gone.rows_affected()).unwrap_or(i64::MAX))
}

fn words(kinds: &[&str]) -> Vec<String> {
    kinds.iter().map(|kind| (*kind).to_owned()).collect()
}
