//! Batches to ask for, and what must become of their items.

use serde_json::{Value, json};

use crate::{dice::Dice, strangers};

/// What must become of an item in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its tenant is active.
    Made,
    /// It failed by a fault of its own.
    Failed,
    /// There is no tenant: it went back with its batch, or never began.
    Unmade,
    /// Its tenant was there before, and is migrated, or suspended.
    Moved,
    /// Its tenant was there before, and is migrated or not: it may have been cancelled.
    MovedOrNot,
    /// Its tenant was there before, and is resumed, or was suspended again meanwhile.
    ResumedOrNot,
}

/// A batch to ask for.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    /// The request.
    pub(crate) body: Value,
    /// The `Idempotency-Key` it is sent with.
    pub(crate) key: String,
    /// What must become of each item.
    pub(crate) fates: Vec<Fate>,
}

/// Makes batches whose names nobody else has.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    made: u64,
}

impl Wishes {
    /// A batch of `size` tenants of any sort: each for itself or all or nothing, all of them
    /// good or some that cannot be made.
    pub(crate) fn any(&mut self, dice: &mut Dice, size: usize) -> Wish {
        match dice.between(0, 9) {
            0..=3 => self.independent(size, 0),
            4..=5 => self.independent(size, dice.count(1, 3)),
            6..=7 => self.atomic(size, None),
            _ => self.atomic(size, Some(dice.count(0, size - 1))),
        }
    }

    /// A batch in which each item stands for itself; `bad` of them cannot be made: a migration
    /// refuses them, or their schema's name is a stranger's.
    pub(crate) fn independent(&mut self, size: usize, bad: usize) -> Wish {
        let mut tenants = self.tenants(size);
        let mut fates = vec![Fate::Made; size];
        for n in 0..bad.min(size) {
            // Spread over the batch.
            let at = n * size / bad;
            let schema = if n % 2 == 0 {
                format!("doomed_{}_{at}", self.made)
            } else {
                strangers::SCHEMAS[n / 2 % strangers::SCHEMAS.len()].to_owned()
            };
            tenants[at]["schema_name"] = json!(schema);
            fates[at] = Fate::Failed;
        }
        self.wish("independent", tenants, fates)
    }

    /// A batch that is all or nothing; the item at `doomed` cannot be made.
    pub(crate) fn atomic(&mut self, size: usize, doomed: Option<usize>) -> Wish {
        let mut tenants = self.tenants(size);
        let mut fates = vec![Fate::Made; size];
        if let Some(at) = doomed {
            tenants[at]["schema_name"] = json!(format!("doomed_{}_{at}", self.made));
            fates.fill(Fate::Unmade);
            fates[at] = Fate::Failed;
        }
        self.wish("atomic", tenants, fates)
    }

    fn tenants(&mut self, size: usize) -> Vec<Value> {
        self.made += 1;
        let batch = self.made;
        let tenant = |n| {
            json!({
                "tenant_name": format!("Tenant {n} of {batch}"),
                "domain": format!("t{n}.b{batch}.example.com"),
            })
        };
        (0..size).map(tenant).collect()
    }

    fn wish(&self, mode: &str, tenants: Vec<Value>, fates: Vec<Fate>) -> Wish {
        let key = format!("wish-{}", self.made);
        Wish { body: json!({ "mode": mode, "tenants": tenants }), key, fates }
    }
}

#[test]
fn no_two_tenants_ever_asked_for_have_the_same_domain() {
    let (mut wishes, mut dice) = (Wishes::default(), Dice::new(1));
    let all: Vec<Wish> = (0..50).map(|_| wishes.any(&mut dice, 20)).collect();

    let domains: Vec<_> = all
        .iter()
        .flat_map(|wish| wish.body["tenants"].as_array().unwrap())
        .map(|tenant| tenant["domain"].as_str().unwrap())
        .collect();
    let distinct: std::collections::BTreeSet<_> = domains.iter().collect();

    assert_eq!(domains.len(), 1000);
    assert_eq!(distinct.len(), 1000);
    assert!(all.iter().any(|wish| wish.fates.contains(&Fate::Unmade)));
    assert!(all.iter().any(|wish| wish.fates.contains(&Fate::Failed)));
}
