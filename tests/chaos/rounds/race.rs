//! Callers race with each other and with the workers; workers race to settle a batch.

use std::time::{Duration, Instant};

use domain::{Direction, Kind};
use futures::future::join_all;
use serde_json::Value;
use tenantdb::MigrationSet;
use uuid::Uuid;

use crate::{
    bed::{Asked, Bed},
    dice::Dice,
    moves,
    tally::Fault,
    wish::Fate,
};

/// Clients with one key.
const CLIENTS: usize = 20;

/// How long it may take until two sessions wait for one batch.
const MEETS_IN: Duration = Duration::from_secs(15);

/// Sessions that wait to write the row of a batch; of one worker at most two, its settler's and its
/// sweeper's.
const WAITING: &str = "select count(*) from pg_stat_activity
    where datname = current_database() and application_name = 'tenantry-worker'
      and wait_event_type = 'Lock' and query like '%tenantry.operations%'";

/// Longest wait for a batch to be over between two races.
const ENDS_IN: Duration = Duration::from_secs(60);

pub(super) async fn run(bed: &mut Bed, dice: &mut Dice) {
    for _ in 0..2 {
        same_key(bed, dice).await;
    }
    for _ in 0..3 {
        cancel_and_retry(bed, dice).await;
    }
    for _ in 0..2 {
        settle(bed, dice).await;
    }
    for _ in 0..2 {
        migrations(bed, dice).await;
    }
    bed.fault_is_over();
}

/// Moves the same tenants up and down at once, and cancels some of it at any moment.
async fn migrations(bed: &mut Bed, dice: &mut Dice) {
    let tenants = bed.some_tenants(dice, 12).await;
    let set = MigrationSet::load(&bed.migrations).expect("the folder is ours");
    let (pool, hash, tenants) = (&bed.pool, set.hash(), tenants.as_deref());
    let asking = (0..dice.count(3, 6)).map(|_| {
        let direction = if dice.chance(50) { Direction::Down } else { Direction::Up };
        let cancelled = dice.chance(40).then(|| dice.millis(0, 300));
        let params = moves::params(hash, direction);
        async move {
            let (id, total) = moves::surely(pool, Kind::Migrate, &params, tenants, None).await?;
            if let Some(after) = cancelled {
                tokio::time::sleep(after).await;
                moves::cancel(pool, id).await;
            }
            let fate = if cancelled.is_some() { Fate::MovedOrNot } else { Fate::Moved };
            Some(Asked { id, fates: vec![fate; total] })
        }
    });
    let asking: Vec<_> = asking.collect();
    let asked: Vec<Asked> = join_all(asking).await.into_iter().flatten().collect();
    bed.tally.count(Fault::MigrateRace, asked.len() as u64);
    bed.asked.extend(asked);
}

/// Every one of the clients gets the same batch.
async fn same_key(bed: &mut Bed, dice: &mut Dice) {
    let size = dice.count(3, 15);
    let wish = bed.wishes.any(dice, size);
    let path = "/api/v1/tenants/batch";
    let posts = (0..CLIENTS).map(|n| bed.caller.once(n, path, &wish.body, &wish.key));
    let replies = join_all(posts).await;
    bed.tally.count(Fault::SameKey, 1);
    let mut ids = Vec::new();
    for reply in replies {
        let reply = reply.expect("nothing is broken now");
        assert_eq!(reply.status, 202, "{}", reply.body);
        ids.push(reply.body["batch_id"].as_str().expect("a batch has an id").to_owned());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 1, "one key made several batches: {ids:?}");
    bed.asked.push(Asked { id: ids[0].parse().expect("it is a UUID"), fates: wish.fates });
}

/// Cancels and retries at any moment; in the end a retry makes everything after all.
async fn cancel_and_retry(bed: &mut Bed, dice: &mut Dice) {
    let size = dice.count(8, 25);
    let wish = if dice.chance(50) {
        bed.wishes.independent(size, 0)
    } else {
        bed.wishes.atomic(size, None)
    };
    let id = bed.ask(wish).await;
    let mut acts = Vec::new();
    for _ in 0..dice.count(6, 12) {
        let act = if dice.chance(50) { "cancel" } else { "retry" };
        acts.push((act, dice.millis(0, 1_200), dice.count(0, 1)));
    }
    bed.tally.count(Fault::CancelRetryRace, acts.len() as u64);
    let caller = &bed.caller;
    let doing = acts.into_iter().map(|(act, after, replica)| async move {
        tokio::time::sleep(after).await;
        let path = format!("/api/v1/batches/{id}/{act}");
        let reply = caller.once(replica, &path, &Value::Null, "").await;
        let reply = reply.expect("nothing is broken now");
        let fine = reply.status == 202 || reply.status == 409;
        assert!(fine, "{act} answered {} {}", reply.status, reply.body);
    });
    join_all(doing).await;
    end_well(bed, id).await;
}

/// Retries until all of it is made.
async fn end_well(bed: &mut Bed, id: Uuid) {
    let path = format!("/api/v1/batches/{id}/retry");
    for _ in 0..5 {
        wait_for_end(bed, id).await;
        let reply = bed.caller.surely(&path, &Value::Null, "").await;
        if reply.body["code"] == "nothing_to_retry" {
            return;
        }
        assert_eq!(reply.status, 202, "{}", reply.body);
    }
    panic!("batch {id} has something to retry again and again");
}

async fn wait_for_end(bed: &Bed, id: Uuid) {
    let began = Instant::now();
    let over = "select finished_at is not null from tenantry.operations where id = $1";
    while !sqlx::query_scalar::<_, bool>(over).bind(id).fetch_one(&bed.pool).await.unwrap() {
        assert!(began.elapsed() < ENDS_IN, "batch {id} does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Holds a batch's row until two workers or more wait to end it.
async fn settle(bed: &mut Bed, dice: &mut Dice) {
    let size = dice.count(6, 12);
    let wish = bed.wishes.independent(size, 1);
    let id = bed.ask(wish).await;
    let began = Instant::now();
    let begun = "select started_at is not null from tenantry.operations where id = $1";
    while !sqlx::query_scalar::<_, bool>(begun).bind(id).fetch_one(&bed.pool).await.unwrap() {
        assert!(began.elapsed() < MEETS_IN, "no worker begins batch {id}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut tx = bed.pool.begin().await.unwrap();
    let lock = "select id from tenantry.operations where id = $1 for update";
    sqlx::query(lock).bind(id).execute(&mut *tx).await.unwrap();
    let held = Instant::now();
    let mut met = false;
    while !met && held.elapsed() < MEETS_IN {
        met = bed.number(WAITING).await >= 3;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tx.rollback().await.unwrap();
    assert!(met, "two workers never came to settle batch {id} while its row was held");
    bed.tally.count(Fault::SettleRace, 1);
    assert_eq!(bed.asked.last().map(|asked| asked.fates[0]), Some(Fate::Failed));
}
