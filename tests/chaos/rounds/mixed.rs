//! Everything that lasts a moment, in any order.

use super::{Size, begin};
use crate::{bed::Bed, dice::Dice, faults::HalfOpen};

pub(super) async fn run(bed: &mut Bed, dice: &mut Dice, size: Size) {
    begin(bed, dice, size).await;
    let mut half_open = HalfOpen::default();
    for _ in 0..size.times(dice, 10, 30) {
        dice.pause(30, 400).await;
        bed.feed(dice).await;
        match dice.between(0, 13) {
            0..=2 => bed.kill_worker(dice).await,
            3..=4 => bed.kill_api(dice).await,
            5 => bed.stop_database(dice).await,
            6..=7 => bed.end_sessions(dice).await,
            8..=9 => bed.cut_links(dice),
            10..=11 => bed.lose_commits(dice),
            12 => bed.stall_links(dice, &mut half_open),
            _ => bed.halt_worker(dice).await,
        }
        bed.cut_half_open(&mut half_open, false);
    }
    bed.cut_half_open(&mut half_open, true);
    bed.count_lost_commits();
}
