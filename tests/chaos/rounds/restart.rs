//! PostgreSQL is stopped at once and started again, several times in a batch.

use super::{Size, begin};
use crate::{bed::Bed, dice::Dice};

pub(super) async fn run(bed: &mut Bed, dice: &mut Dice, size: Size) {
    begin(bed, dice, size).await;
    for _ in 0..size.times(dice, 3, 8) {
        dice.pause(100, 900).await;
        bed.feed(dice).await;
        dice.pause(10, 200).await;
        bed.stop_database(dice).await;
    }
}
