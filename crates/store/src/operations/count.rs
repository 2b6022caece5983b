//! Counts an operation's items.

use domain::{OperationId, Progress};
use sqlx::PgConnection;

/// Where the items of an operation are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// The run in which they are there.
    pub run: i32,
    pub progress: Progress,
    /// Items that ended in this run; those refused at submission are not among them.
    pub ended_in_run: u64,
}

/// Where the items of `operation` are now; `None` when there is no such operation. Reads every item, by
/// the index on their operation.
pub async fn count(
    conn: &mut PgConnection,
    operation: OperationId,
) -> sqlx::Result<Option<Counts>> {
    use crate::decode::count;

    let row = sqlx::query_file!("queries/operations/count.sql", operation.get())
        .fetch_optional(conn)
        .await?;
    Ok(row.map(|r| Counts {
        run: r.run,
        progress: Progress {
            total: count(i64::from(r.total)),
            queued: count(r.queued),
            running: count(r.running),
            retrying: count(r.retrying),
            succeeded: count(r.succeeded),
            failed: count(r.failed),
            cancelled: count(r.cancelled),
            rolled_back: count(r.rolled_back),
        },
        ended_in_run: count(r.ended_in_run),
    }))
}
