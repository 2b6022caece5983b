//! What a job carries.

use std::fmt;

use domain::ItemId;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// The queue every tenant's job waits in. A durable name: jobs in flight carry it.
pub const QUEUE_NAME: &str = "tenantry.provision";

/// The payload's version; a worker that meets a newer one leaves it for a newer worker.
const VERSION: u8 = 1;

/// The payload: which item to look at. Nothing else, never a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    v: u8,
    item: ItemId,
}

impl Job {
    /// A wake-up for `item`.
    #[must_use]
    pub fn new(item: ItemId) -> Self {
        Self { v: VERSION, item }
    }

    /// The item to look at.
    #[must_use]
    pub fn item(self) -> ItemId {
        self.item
    }

    /// Reads a payload; `None` when it is not one of ours or of a version we do not know.
    ///
    /// The queue's own decoding ends the whole worker on a bad payload, so jobs are taken as
    /// plain JSON and read here.
    #[must_use]
    pub fn read(raw: serde_json::Value) -> Option<Self> {
        serde_json::from_value::<Self>(raw).ok().filter(|job| job.v == VERSION)
    }
}

/// A job's id. Always a ULID: one id that is not makes every fetch of the queue fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(Ulid);

impl JobId {
    /// A new id.
    #[must_use]
    pub fn mint() -> Self {
        Self(Ulid::generate())
    }

    /// Reads an id as it stands in `operation_items.job_id`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Ulid::from_string(text).ok().map(Self)
    }

    pub(crate) fn ulid(self) -> Ulid {
        self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_what_it_wrote() {
        let job = Job::new(ItemId::new(7));

        assert_eq!(Job::read(serde_json::to_value(job).unwrap()), Some(job));
    }

    #[test]
    fn refuses_a_payload_of_another_make() {
        for raw in [json!(null), json!({"v": 2, "item": 7}), json!({"item": 7}), json!([1])] {
            assert_eq!(Job::read(raw), None);
        }
    }
}
