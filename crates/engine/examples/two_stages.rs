//! A worker for the tests to kill: takes one item through the plan of two stages, or back.
//!
//! Arguments: the database's URL, the item, the worker's name, `stays` or `unwinds`, and the URL of the
//! tenants' database if that is another one.

use std::{env, sync::Arc, time::Duration};

use domain::{ItemId, ItemState};
use engine::{Finish, OnFailure, Runner};
use sqlx::PgPool;
use store::{StageLimits, items::Claimant};

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/two_stages/script.rs"]
mod script;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = env::args().skip(1);
    let url = arguments.next().expect("the database is named");
    let item = arguments.next().and_then(|it| it.parse().ok()).map(ItemId::new);
    let worker = arguments.next().expect("the worker is named");
    let stays = arguments.next().is_some_and(|it| it == "stays");
    let pool = PgPool::connect(&url).await.expect("the database answers");
    let mut conn = pool.acquire().await.expect("there is a connection");
    let items = [item.expect("the item is named")];
    let secs = Duration::from_secs;
    let kinds = domain::Kind::ALL;
    let by = Claimant { worker: &worker, kinds, set: "", dead_after: secs(60) };
    store::workers::register(&mut conn, &by, "here", 1, "test").await.expect("it registers");
    let claimed = store::items::claim(&mut conn, &items, &by).await;
    let Some(mut claim) = claimed.expect("the claim is answered").pop() else {
        eprintln!("the item is not free");
        return;
    };
    let limits = StageLimits { statement: secs(20), lock: secs(20), silence: secs(10) };
    let mut runner = Runner::new(pool.clone(), limits, 500);
    if let Some(url) = arguments.next() {
        let there = PgPool::connect(&url).await.expect("the tenants' database answers");
        runner = runner.with_databases(Arc::new(script::Elsewhere(there)));
    }
    let script = Arc::default();
    let on_failure = if stays { OnFailure::Stay } else { OnFailure::Unwind };
    let plan = script::plan(&script, Finish::Succeeded).on_failure(on_failure);
    if claim.state == ItemState::Unwinding {
        let end = if stays { ItemState::Failed } else { ItemState::RolledBack };
        let unwound = runner.unwind(&plan, &claim, end).await;
        eprintln!("it lived: {unwound:?}");
    } else {
        let outcome = runner.run(&plan, &mut claim).await;
        eprintln!("it lived: {outcome:?}");
    }
}
