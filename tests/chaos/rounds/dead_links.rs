//! Connections go dead on both sides and stay open: nobody is told, as when a router forgets them.
//! The system has to recover while they are dead.

use std::time::{Duration, Instant};

use super::{Size, begin};
use crate::{
    bed::{Bed, DATABASE},
    dice::Dice,
    faults::HELD,
    proxy::Proxy,
    support::Process,
    tally::Fault,
};

/// How long it may take until the victim has items in work.
const BEGINS_IN: Duration = Duration::from_secs(30);

/// Every connection that one of the workers has at some moment.
pub(super) async fn of_one_worker(bed: &mut Bed, dice: &mut Dice, size: Size) {
    let proxy = Proxy::start(bed.postgres.socket()).await;
    let url = proxy.url(DATABASE);
    let victim = bed.start_worker(&[("DATABASE_URL", &url)]).await;
    begin(bed, dice, size).await;
    until_it_works(bed, dice, &victim).await;
    let stalled = proxy.stall(&proxy.links());
    bed.tally.count(Fault::LinkDead, stalled);
    bed.fault_is_over();
    bed.workers.push(victim);
    bed.feed(dice).await;
}

/// Asks for more until the worker has items in work: the others are quick too.
async fn until_it_works(bed: &mut Bed, dice: &mut Dice, worker: &Process) {
    let began = Instant::now();
    loop {
        let held = sqlx::query_scalar(HELD).bind(worker.pid()).fetch_one(&bed.pool).await;
        if held.is_ok_and(|held: i64| held > 0) {
            return;
        }
        assert!(began.elapsed() < BEGINS_IN, "the worker never had items in work");
        bed.feed(dice).await;
    }
}

/// Every connection that any worker or replica has at some moment; new ones are fine.
pub(super) async fn of_all(bed: &mut Bed, dice: &mut Dice, size: Size) {
    begin(bed, dice, size).await;
    dice.pause(100, 500).await;
    for proxy in [&bed.work_proxy, &bed.api_proxy] {
        let stalled = proxy.stall(&proxy.links());
        bed.tally.count(Fault::LinkDead, stalled);
    }
    bed.fault_is_over();
    // Whoever asks now is answered in the end.
    let few = dice.count(2, 6);
    let wish = bed.wishes.any(dice, few);
    bed.ask(wish).await;
}
