//! Writes the items of a submission, reserves their names and gives them jobs, a few at a time.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use domain::{InstallationId, ItemState, NewBatch, NewItem, OperationId, SettingsPolicy};
use queue::Line;
use sqlx::PgConnection;
use store::{
    items::{self, NewItemRow},
    operations,
};
use tokio::task::spawn_blocking;

use crate::{
    all_or_nothing,
    context::Context,
    problem::Problem,
    reserve::{Decided, reserve},
    texts::Texts,
};

/// Items that are in memory as more than text at a time. Each of these chunks takes the same few
/// statements, so their number is constant up to this size and grows by a handful for each chunk
/// beyond it, or beyond [`CHUNK_BYTES`]: what it costs that memory does not grow with the batch.
const CHUNK: usize = 4_096;

/// Bytes of items that are in memory as more than text at a time; a chunk has one item at least.
const CHUNK_BYTES: usize = 4 << 20;

/// Writes what becomes of the items of one new batch, whose row is there.
#[derive(Clone, Copy)]
pub(crate) struct Recorder<'a> {
    pub(crate) cx: &'a Context,
    pub(crate) installation: &'a InstallationId,
    pub(crate) batch: OperationId,
    /// Not to be set going before.
    pub(crate) run_at: Option<DateTime<Utc>>,
    /// Other batches of its caller that are under way.
    pub(crate) ahead: u32,
}

/// Reserves and queues each tenant that can be had, whatever becomes of the others; ends a batch
/// that has nothing to do. Says how many were accepted.
///
/// # Errors
/// 503 when the database does not answer.
pub(crate) async fn record_each(
    conn: &mut PgConnection,
    recorder: Recorder<'_>,
    tenants: &Arc<Texts>,
) -> Result<usize, Problem> {
    let mut accepted = 0;
    let mut line = Line::new(Duration::ZERO, recorder.ahead);
    let mut chunks = recorder.chunks(tenants);
    while let Some((rest, items)) = chunks.next().await? {
        chunks = rest;
        let decided = recorder.reserve(conn, items).await?;
        accepted += decided.iter().filter(|item| item.outcome.is_ok()).count();
        recorder.record(conn, decided, &mut line).await?;
    }
    if accepted == 0 {
        // Nothing is open, so nobody else will end it.
        operations::settle(conn, recorder.batch).await?;
    }
    Ok(accepted)
}

impl Recorder<'_> {
    /// The items of `tenants`, read from the first on.
    pub(crate) fn chunks(&self, tenants: &Arc<Texts>) -> Chunks {
        Chunks::of(tenants, self.cx.policy().clone())
    }

    /// Reserves the names of `items`.
    ///
    /// # Errors
    /// 503 when the database does not answer.
    pub(crate) async fn reserve(
        &self,
        conn: &mut PgConnection,
        items: Vec<NewItem>,
    ) -> Result<Vec<Decided>, Problem> {
        reserve(conn, self.cx, self.installation, items).await
    }

    /// Writes `items`, and adds the jobs of those that can begin to `line`; those of a batch for
    /// later are made when its time has come.
    ///
    /// # Errors
    /// 503 when the database does not answer.
    pub(crate) async fn record(
        &self,
        conn: &mut PgConnection,
        items: Vec<Decided>,
        line: &mut Line,
    ) -> Result<(), Problem> {
        let rows: Vec<NewItemRow<'_>> = items.iter().map(new_item_row).collect();
        let accepted = items::insert(conn, self.batch, &rows, self.run_at).await?;
        match self.run_at {
            None => Ok(line.add(conn, &accepted).await?),
            Some(_) => Ok(()),
        }
    }
}

/// The items of a submission, a chunk at a time.
pub(crate) struct Chunks {
    tenants: Arc<Texts>,
    batch: NewBatch,
    read: usize,
}

impl Chunks {
    fn of(tenants: &Arc<Texts>, policy: SettingsPolicy) -> Self {
        Self { tenants: Arc::clone(tenants), batch: NewBatch::new(policy), read: 0 }
    }

    /// The next items, and what comes after them; `None` at the end. Read on a thread that may
    /// take its time.
    ///
    /// # Errors
    /// 500 when that thread is gone.
    pub(crate) async fn next(mut self) -> Result<Option<(Self, Vec<NewItem>)>, Problem> {
        if self.read == self.tenants.len() {
            return Ok(None);
        }
        let read = move || {
            let (mut items, mut bytes) = (Vec::new(), 0);
            for sent in self.tenants.from(self.read).take(CHUNK) {
                items.push(self.batch.item(sent));
                bytes += sent.len();
                if bytes >= CHUNK_BYTES {
                    break;
                }
            }
            self.read += items.len();
            (self, items)
        };
        spawn_blocking(read).await.map(Some).map_err(Problem::internal)
    }
}

fn new_item_row(item: &Decided) -> NewItemRow<'_> {
    let row = NewItemRow {
        index: item.index,
        state: ItemState::Queued,
        request: &item.request.json,
        tenant_name: item.request.tenant_name.clone(),
        domain: None,
        schema: None,
        tenant: None,
        error: None,
    };
    match &item.outcome {
        Ok(reservation) => NewItemRow {
            domain: Some(reservation.domain.clone()),
            schema: Some(reservation.schema.as_str().to_owned()),
            tenant: Some(reservation.id),
            ..row
        },
        Err(error) => {
            let because_of_another = all_or_nothing::is_rolled_back(error);
            let state = if because_of_another { ItemState::Cancelled } else { ItemState::Failed };
            NewItemRow {
                state,
                domain: item.request.domain.clone(),
                error: Some(error.clone()),
                ..row
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_that_comes_again_chunks_later_is_the_same_name() {
        let line = |n: usize| format!("{{\"tenant_name\":\"A\",\"domain\":\"d{n}.example\"}}\n");
        let numbers = (0..=CHUNK).chain([7, CHUNK + 1, CHUNK]);
        let mut lines = crate::lines::Lines::new(usize::MAX);
        lines.push(numbers.map(line).collect::<String>().as_bytes());
        let tenants = Arc::new(lines.finish().unwrap());

        let mut chunks = Chunks::of(&tenants, SettingsPolicy::default());
        let (mut sizes, mut refused) = (Vec::new(), Vec::new());
        while let Some((rest, items)) = chunks.next().await.unwrap() {
            chunks = rest;
            sizes.push(items.len());
            refused.extend(items.into_iter().filter_map(|i| Some((i.index, i.outcome.err()?))));
        }

        assert_eq!(sizes, [CHUNK, 4]);
        let told: Vec<(usize, &str)> =
            refused.iter().map(|(i, e)| (*i as usize, e.message.as_str())).collect();
        let same_as_the_last = format!("domain is the same as that of item {CHUNK}");
        let expected = [
            (CHUNK + 1, "domain is the same as that of item 7"),
            (CHUNK + 3, same_as_the_last.as_str()),
        ];
        assert_eq!(told, expected);
    }
}
