//! Workers are halted for longer than their lease, lose their items, and go on.

use super::{Size, begin};
use crate::{bed::Bed, dice::Dice};

pub(super) async fn run(bed: &mut Bed, dice: &mut Dice, size: Size) {
    begin(bed, dice, size).await;
    for _ in 0..size.times(dice, 2, 5) {
        bed.feed(dice).await;
        bed.halt_worker(dice).await;
        dice.pause(50, 500).await;
    }
}
