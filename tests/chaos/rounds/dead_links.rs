//! Connections go dead on both sides and stay so: nobody is told, as when a router forgets them.
//! The system has to recover while they are still open.

use super::{Size, begin};
use crate::{bed::Bed, dice::Dice, tally::Fault};

pub(super) async fn run(bed: &mut Bed, dice: &mut Dice, size: Size) {
    begin(bed, dice, size).await;
    for _ in 0..size.times(dice, 1, 3) {
        dice.pause(50, 400).await;
        bed.feed(dice).await;
        // Every connection of every worker, or of every replica: new ones are fine.
        let proxy = if dice.chance(70) { &bed.work_proxy } else { &bed.api_proxy };
        let stalled = proxy.stall(&proxy.links());
        bed.tally.count(Fault::LinkDead, stalled);
    }
    bed.fault_is_over();
}
