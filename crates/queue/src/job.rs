//! What a job carries.

use domain::{ItemId, Kind};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// Which items a job is about. Each class has a queue and a buffer of its own: however many jobs of one
/// wait or are held by a worker, those of the other are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Items that make their tenants.
    NewTenants,
    /// Items that interrupt what works on their tenants: none of them takes long.
    Interrupts,
    /// Items of tenants that are there.
    Fleet,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::NewTenants, Self::Interrupts, Self::Fleet];

    /// The class of an operation's items.
    #[must_use]
    pub const fn of(kind: Kind) -> Self {
        match (kind.makes_tenants(), kind.interrupts()) {
            (true, _) => Self::NewTenants,
            (false, true) => Self::Interrupts,
            (false, false) => Self::Fleet,
        }
    }

    /// The queue in which its jobs wait. A durable name: jobs in flight carry it.
    #[must_use]
    pub const fn queue(self) -> &'static str {
        match self {
            Self::NewTenants => "tenantry.provision",
            Self::Interrupts => "tenantry.interrupts",
            Self::Fleet => "tenantry.fleet",
        }
    }
}

/// The queues of all classes.
pub const QUEUES: [&str; Class::ALL.len()] =
    [Class::NewTenants.queue(), Class::Interrupts.queue(), Class::Fleet.queue()];

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

    /// The payload as it stands in the queue.
    pub(crate) fn write(self) -> Vec<u8> {
        serde_json::to_vec(&self).expect("a struct of numbers is JSON")
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

/// Digits of a job's id that name its item, and those that tell its jobs apart.
const ITEM_DIGITS: u32 = 15;
const OWN_DIGITS: u32 = 10;

/// The id of a new job for `item`: 0, the item, then random digits. So the primary key finds the
/// jobs of an item, and no other table has to know their ids.
///
/// It is a ULID: one id that is not makes every fetch of the queue fail. Digits alone, since they
/// stand in one order whatever the database's collation. Ids that begin with a time, as an earlier
/// version made them, name no item.
pub(crate) fn new_id(item: ItemId) -> Ulid {
    id_of(item, Ulid::generate().0 % 10_u128.pow(OWN_DIGITS))
}

/// The least and the greatest id that a job of `item` can have.
pub(crate) fn ids_of(item: ItemId) -> (String, String) {
    let id = |own| id_of(item, own).to_string();
    (id(0), id(10_u128.pow(OWN_DIGITS) - 1))
}

fn id_of(item: ItemId, own: u128) -> Ulid {
    let item = item.get().unsigned_abs() % 10_u64.pow(ITEM_DIGITS);
    let text = format!("0{item:015}{own:010}");
    Ulid::from_string(&text).expect("26 digits, the first of them 0, are a ULID")
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
    fn the_payload_is_the_one_of_the_release_before() {
        assert_eq!(Job::new(ItemId::new(7)).write(), br#"{"v":1,"item":7}"#);
        assert_eq!(
            Job::read(json!({"v": 1, "item": 7, "more": 0})).map(Job::item),
            Some(ItemId::new(7))
        );
    }

    #[test]
    fn refuses_a_payload_of_another_make() {
        for raw in [json!(null), json!({"v": 2, "item": 7}), json!({"item": 7}), json!([1])] {
            assert_eq!(Job::read(raw), None);
        }
    }

    #[test]
    fn the_ids_of_an_items_jobs_stand_together_and_apart_from_all_others() {
        let (item, next) = (ItemId::new(99), ItemId::new(100));
        let (first, last) = ids_of(item);

        let ids: Vec<String> = (0..100).map(|_| new_id(item).to_string()).collect();

        assert!(ids.iter().all(|id| *id >= first && *id <= last), "{ids:?}");
        assert!(last < ids_of(next).0 && last < new_id(next).to_string());
        assert!(ids.iter().all(|id| id.bytes().all(|byte| byte.is_ascii_digit())));
        let of_an_earlier_version = Ulid::generate().to_string();
        assert!(ids_of(ItemId::new(10_i64.pow(13))).1 < of_an_earlier_version);
    }
}
