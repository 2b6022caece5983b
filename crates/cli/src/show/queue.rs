//! The queue as a sentence, its workers as a table.

use contract::{Queue, Worker};

use super::{Table, counted, short_time};

/// Where the API stops counting.
const MOST_COUNTED: u64 = 10_000;

/// `the queue is open: 12 waiting, 8 running, 2 workers`.
pub(crate) fn queue_sentence(queue: &Queue) -> String {
    let standing = if queue.paused { "paused" } else { "open" };
    let more = if queue.waiting >= MOST_COUNTED { " or more" } else { "" };
    let workers = workers(queue.workers.len());
    let Queue { waiting, running, .. } = queue;
    format!("the queue is {standing}: {waiting}{more} waiting, {running} running, {workers}")
}

/// `no worker`, `1 worker`, `2 workers`.
pub(crate) fn workers(count: usize) -> String {
    if count == 0 { "no worker".to_owned() } else { counted(count as u64, "worker") }
}

pub(crate) fn workers_table(workers: &[Worker]) -> Table {
    let mut table = Table::new(&["=worker", "host", ">busy", "??=started", "?=seen"]);
    for worker in workers {
        table.row([
            worker.id.clone(),
            worker.host.clone(),
            worker.busy.to_string(),
            short_time(Some(worker.started_at)),
            short_time(Some(worker.seen_at)),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_the_queue_is() {
        let queue = Queue {
            paused: true,
            paused_at: None,
            waiting: 10_000,
            running: 3,
            waiting_for: None,
            workers: Vec::new(),
        };

        let said = queue_sentence(&queue);

        assert_eq!(said, "the queue is paused: 10000 or more waiting, 3 running, no worker");
    }
}
