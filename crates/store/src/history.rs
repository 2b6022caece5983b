//! The history of one tenant, newest first: its operations, their failed tries, its API keys, its audit rows.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use domain::{ItemError, ItemState, Kind, OperationId, TenantId};
use sqlx::PgConnection;

use crate::{
    audit::{self, Filter, Recorded},
    decode::{decode, item_error},
    items::Attempt,
    place::{NotAPlace, Place},
};

/// What an entry tells.
#[derive(Debug, Clone)]
pub enum Entry {
    Operation(Item),
    /// A try that failed, with the operation and the index of its item.
    Attempt(OperationId, u32, Attempt),
    Key(Key),
    Audit(Recorded),
}

/// The tenant as an item of an operation.
#[derive(Debug, Clone)]
pub struct Item {
    pub operation: OperationId,
    /// Its place in the operation.
    pub index: u32,
    pub kind: Kind,
    pub state: ItemState,
    /// The operator whose token submitted the operation; `None` for a command on the database.
    pub submitted_by: Option<String>,
    pub attempts: i32,
    /// Why it failed, or why the last try did.
    pub error: Option<ItemError>,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
}

/// An API key without its secret.
#[derive(Debug, Clone)]
pub struct Key {
    /// The operation that issued it.
    pub operation: Option<OperationId>,
    pub prefix: String,
    pub last4: String,
    pub expires_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Where entries come from. At the same time, a later one comes first in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Operations,
    Attempts,
    Keys,
    Audit,
}

impl Source {
    const ALL: [Self; 4] = [Self::Operations, Self::Attempts, Self::Keys, Self::Audit];
}

/// An entry's place in a history: its time, its source, its id there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    source: Source,
    place: Place,
}

impl Position {
    /// When it happened.
    #[must_use]
    pub fn at(self) -> DateTime<Utc> {
        self.place.at
    }

    fn order(self) -> (DateTime<Utc>, Source, i64) {
        (self.place.at, self.source, self.place.id)
    }

    /// Entries of `source` that come after this one in the history come after this place in `source`.
    fn within(self, source: Source) -> Place {
        let at = self.place.at;
        match source.cmp(&self.source) {
            std::cmp::Ordering::Less => Place { at, id: i64::MAX },
            std::cmp::Ordering::Equal => self.place,
            std::cmp::Ordering::Greater => Place { at, id: i64::MIN },
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.source as u8, self.place)
    }
}

impl FromStr for Position {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let (source, place) = text.split_once('.').ok_or(NotAPlace)?;
        let source: usize = source.parse().map_err(|_| NotAPlace)?;
        let source = *Source::ALL.get(source).ok_or(NotAPlace)?;
        Ok(Self { source, place: place.parse()? })
    }
}

/// At most `limit` entries of `tenant` after `after`, newest first. Reads the items and the keys of this tenant,
/// and a page of its audit rows.
pub async fn list(
    conn: &mut PgConnection,
    tenant: TenantId,
    after: Option<Position>,
    limit: i64,
) -> sqlx::Result<Vec<(Position, Entry)>> {
    let before = |source| after.map(|after| after.within(source));
    let mut found = items(conn, tenant, before(Source::Operations), limit).await?;
    found.extend(attempts(conn, tenant, before(Source::Attempts), limit).await?);
    found.extend(keys(conn, tenant, before(Source::Keys), limit).await?);
    let filter = Filter { tenant: Some(tenant), ..Filter::default() };
    let rows = audit::list(conn, &filter, before(Source::Audit), limit).await?;
    found.extend(rows.into_iter().map(|row| entry(Source::Audit, row.place, Entry::Audit(row))));
    found.sort_unstable_by_key(|(position, _)| std::cmp::Reverse(position.order()));
    found.truncate(usize::try_from(limit).unwrap_or_default());
    Ok(found)
}

fn entry(source: Source, place: Place, entry: Entry) -> (Position, Entry) {
    (Position { source, place }, entry)
}

async fn items(
    conn: &mut PgConnection,
    tenant: TenantId,
    before: Option<Place>,
    limit: i64,
) -> sqlx::Result<Vec<(Position, Entry)>> {
    let (at, id) = (before.map(|it| it.at), before.map(|it| it.id));
    sqlx::query_file!("queries/history/items.sql", tenant.get(), at, id, limit)
        .try_map(|r| {
            let item = Item {
                operation: OperationId::new(r.operation_id),
                index: u32::try_from(r.idx).unwrap_or_default(),
                kind: decode(&r.kind)?,
                state: decode(&r.state)?,
                submitted_by: r.submitted_by,
                attempts: r.attempt,
                error: item_error(r.error_code, r.error_message, r.error_step, r.error_retryable),
                started_at: r.started_at,
                finished_at: r.finished_at,
            };
            let place = Place { at: r.created_at, id: r.id };
            Ok(entry(Source::Operations, place, Entry::Operation(item)))
        })
        .fetch_all(conn)
        .await
}

async fn attempts(
    conn: &mut PgConnection,
    tenant: TenantId,
    before: Option<Place>,
    limit: i64,
) -> sqlx::Result<Vec<(Position, Entry)>> {
    let (at, id) = (before.map(|it| it.at), before.map(|it| it.id));
    sqlx::query_file!("queries/history/attempts.sql", tenant.get(), at, id, limit)
        .map(|r| {
            let attempt = Attempt {
                attempt: r.attempt,
                worker: r.worker,
                stage: r.stage,
                step: r.step,
                undo: r.undo,
                code: r.code,
                message: r.message,
                started_at: r.started_at,
                failed_at: r.failed_at,
            };
            let place = Place { at: attempt.failed_at, id: r.id };
            let index = u32::try_from(r.idx).unwrap_or_default();
            let told = Entry::Attempt(OperationId::new(r.operation_id), index, attempt);
            entry(Source::Attempts, place, told)
        })
        .fetch_all(conn)
        .await
}

async fn keys(
    conn: &mut PgConnection,
    tenant: TenantId,
    before: Option<Place>,
    limit: i64,
) -> sqlx::Result<Vec<(Position, Entry)>> {
    sqlx::query!(
        "select id, operation_id, prefix, last4, created_at, expires_at, revoked_at
         from tenantry.api_keys
         where tenant_id = $1
           and (created_at, id) < (coalesce($2, timestamptz 'infinity'), coalesce($3, 9223372036854775807))
         order by created_at desc, id desc
         limit $4",
        tenant.get(),
        before.map(|it| it.at),
        before.map(|it| it.id),
        limit,
    )
    .map(|r| {
        let key = Key {
            operation: r.operation_id.map(OperationId::new),
            prefix: r.prefix,
            last4: r.last4,
            expires_at: r.expires_at,
            revoked_at: r.revoked_at,
        };
        entry(Source::Keys, Place { at: r.created_at, id: r.id }, Entry::Key(key))
    })
    .fetch_all(conn)
    .await
}
