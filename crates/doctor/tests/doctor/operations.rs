//! Trouble with operations and what is told of them.

use doctor::Kind;

use super::ward::{Ward, operation};

#[tokio::test]
async fn a_batch_that_nobody_ended_is_ended() {
    let ward = Ward::healthy().await;
    ward.run("update BATCHES set finished_at = null, state = 'running' where state = 'failed'")
        .await;
    ward.run("delete from EVENTS where payload ->> 'state' = 'failed'").await;

    ward.heals(Kind::OperationShouldHaveEnded, operation(2), &["event 3", "operation 2"]).await;
}

#[tokio::test]
async fn a_built_batch_that_nobody_activates_is_left_to_the_workers() {
    let ward = Ward::healthy().await;
    ward.run("update ITEMS set state = 'built' where id = 13").await;
    ward.record_stage(13).await;
    ward.run("delete from apalis.jobs where convert_from(job, 'utf8')::jsonb ->> 'item' = '13'")
        .await;
    let before = ward.everything().await;
    assert_eq!(ward.found().await, [(Kind::OperationShouldHaveEnded, operation(6))]);

    let fixed = ward.fix(Kind::OperationShouldHaveEnded).await;

    assert_eq!((fixed.done, fixed.refused.len()), (vec![], 1));
    assert_eq!(ward.everything().await, before);
}

#[tokio::test]
async fn an_all_or_nothing_batch_that_does_not_turn_back_is_told() {
    let ward = Ward::healthy().await;
    ward.run("update ITEMS set state = 'failed', finished_at = now() where id = 13").await;
    ward.run("update TENANTS set state = 'released' where id = 13").await;
    ward.run("delete from apalis.jobs where convert_from(job, 'utf8')::jsonb ->> 'item' = '13'")
        .await;

    assert_eq!(ward.found().await, [(Kind::OperationShouldHaveEnded, operation(6))]);
}

#[tokio::test]
async fn a_batch_that_ended_too_early_is_told() {
    let ward = Ward::healthy().await;
    ward.run("update BATCHES set finished_at = now(), state = 'failed' where id::text ~ '3$'")
        .await;
    ward.announce(3, 1).await;

    ward.only_reports(Kind::OperationEndedWithOpenItems, operation(3)).await;
}

#[tokio::test]
async fn a_batch_that_is_not_what_its_items_are_is_told() {
    for lie in [
        "update BATCHES set total = 6 where state = 'completed'",
        "update ITEMS set idx = 9 where id = 5",
        "update BATCHES set state = 'failed' where total = 5",
        "update BATCHES set state = 'running' where total = 5",
        "update EVENTS set payload = jsonb_set(payload, '{progress,succeeded}', '4')
         where payload ->> 'state' = 'completed'",
    ] {
        let ward = Ward::healthy().await;
        ward.run(lie).await;

        ward.only_reports(Kind::OperationTotalsDiffer, operation(1)).await;
    }
}

#[tokio::test]
async fn kept_totals_that_are_not_those_of_the_items_are_told() {
    for (lie, told) in [
        ("update BATCHES set total_succeeded = 4 where total = 5", true),
        ("update BATCHES set total_succeeded = 4, total_failed = 1 where total = 5", true),
        ("update BATCHES set total_cancelled = 1 where total = 5", true),
        ("update BATCHES set total_rolled_back = 1 where total = 5", true),
        // Void until the present run ends.
        ("update BATCHES set total_succeeded = 4, run = 2 where total = 5", false),
    ] {
        let ward = Ward::healthy().await;
        ward.run(
            "update BATCHES
             set totals_run = run, total_succeeded = 5, total_failed = 0, total_cancelled = 0,
                 total_rolled_back = 0, total_ended_in_run = 5
             where state = 'completed' and total = 5",
        )
        .await;
        assert_eq!(ward.found().await, []);

        ward.run(lie).await;

        let found = ward.found().await;
        assert_eq!(
            found.contains(&(Kind::OperationTotalsDiffer, operation(1))),
            told,
            "{lie}: {found:?}"
        );
    }
}

#[tokio::test]
async fn all_or_nothing_in_parts_is_told() {
    for part in [
        "update TENANTS set state = 'active', activated_at = now()
         where id = 12",
        "with shown as (
             update TENANTS set state = 'active', activated_at = now()
             where id = 12)
         update ITEMS set state = 'succeeded', finished_at = now() where id = 12",
    ] {
        let ward = Ward::healthy().await;
        ward.run(part).await;

        ward.only_reports(Kind::AtomicBatchInParts, operation(6)).await;
    }
}

#[tokio::test]
async fn an_end_announced_twice_is_told() {
    let ward = Ward::healthy().await;
    ward.run("drop index tenantry.outbox_one_finish_per_run").await;
    ward.run(
        "insert into EVENTS (kind, operation_id, run, payload)
         select kind, operation_id, run, payload from EVENTS where payload ->> 'state' = 'failed'",
    )
    .await;

    let kinds: Vec<Kind> = ward.found().await.into_iter().map(|(kind, _)| kind).collect();
    // the guard that would have refused it, too
    assert_eq!(kinds, [Kind::MoreThanOneFinish, Kind::ControlSchemaDiffers]);
}

#[tokio::test]
async fn an_end_that_was_not_announced_is_told() {
    let ward = Ward::healthy().await;
    ward.run("delete from EVENTS where payload ->> 'state' = 'failed'").await;

    ward.only_reports(Kind::FinishWithoutEvent, operation(2)).await;
}

#[tokio::test]
async fn an_end_that_has_not_happened_is_told() {
    for (n, run) in [(3, 1), (2, 2)] {
        let ward = Ward::healthy().await;
        ward.announce(n, run).await;

        ward.only_reports(Kind::EventWithoutFinish, operation(n)).await;
    }
}
