//! Connections are ended by the server, cut by the proxy, go dead on both sides, or lose the answer
//! to a COMMIT.

use super::{Size, begin};
use crate::{bed::Bed, dice::Dice, faults::HalfOpen};

pub(super) async fn run(bed: &mut Bed, dice: &mut Dice, size: Size) {
    begin(bed, dice, size).await;
    let mut half_open = HalfOpen::default();
    for _ in 0..size.times(dice, 20, 60) {
        dice.pause(20, 250).await;
        bed.feed(dice).await;
        match dice.between(0, 9) {
            0..=2 => bed.end_sessions(dice).await,
            3..=5 => bed.cut_links(dice),
            6..=7 => bed.lose_commits(dice),
            _ => bed.stall_links(dice, &mut half_open),
        }
        bed.cut_half_open(&mut half_open, false);
    }
    bed.feed(dice).await;
    bed.cut_half_open(&mut half_open, true);
    bed.count_lost_commits();
}
