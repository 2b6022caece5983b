//! SIGKILL of workers and of replicas of the API, one after another and at times all at once.

use super::{Size, begin};
use crate::{bed::Bed, dice::Dice};

pub(super) async fn run(bed: &mut Bed, dice: &mut Dice, size: Size) {
    age_secrets(bed).await;
    begin(bed, dice, size).await;
    for _ in 0..size.times(dice, 6, 16) {
        dice.pause(30, 400).await;
        bed.feed(dice).await;
        // Asked for while a replica dies, so that some requests lose their answer.
        let few = dice.count(2, 6);
        let wish = bed.wishes.any(dice, few);
        let (caller, asked) = (bed.caller.clone(), wish.clone());
        let asking = tokio::spawn(async move { crate::bed::ask(&caller, &asked).await });
        match dice.between(0, 9) {
            0..=4 => bed.kill_worker(dice).await,
            5..=8 => bed.kill_api(dice).await,
            _ => bed.kill_all().await,
        }
        let id = asking.await.expect("the caller gets its answer");
        bed.asked.push(crate::bed::Asked { id, fates: wish.fates });
    }
}

/// Lets the time of some secrets be over: a sweep has to erase them, and every worker that starts
/// begins with one.
async fn age_secrets(bed: &Bed) {
    let aged = "update tenantry.api_keys
        set sealed_until = now() - interval '1 second', created_at = created_at - interval '2 days'
        where sealed is not null and id % 5 = 0";
    sqlx::query(aged).execute(&bed.pool).await.expect("the server answers");
}
