//! Trouble with items and jobs.

use doctor::{Kind, Subject};

use super::{
    plant::spelled,
    ward::{Ward, item, schema, tenant},
};

#[tokio::test]
async fn an_item_of_a_dead_worker_goes_to_another() {
    for dead in [
        "update WORKERS set seen_at = now() - interval '1 hour'",
        "update WORKERS set stopped_at = now()",
        "delete from WORKERS",
        "update ITEMS set worker_id = null where id = 9",
    ] {
        let ward = Ward::healthy().await;
        ward.run(dead).await;

        ward.heals(Kind::ItemOwnedByDeadWorker, item(9), &["item 9", "jobs of 9"]).await;
    }
}

#[tokio::test]
async fn an_undo_of_a_dead_worker_goes_on_as_an_undo() {
    let ward = Ward::healthy().await;
    ward.run("delete from WORKERS").await;
    ward.run("update ITEMS set state = 'unwinding' where id = 9").await;

    ward.heals(Kind::ItemOwnedByDeadWorker, item(9), &["item 9", "jobs of 9"]).await;

    let state: (String, Option<String>) =
        sqlx::query_as(spelled("select state, worker_id from ITEMS where id = 9"))
            .fetch_one(&ward.db.pool)
            .await
            .unwrap();
    assert_eq!(state, ("unwinding".to_owned(), None));
}

#[tokio::test]
async fn a_waiting_item_without_a_live_job_gets_one() {
    for lost in [
        "delete from apalis.jobs where convert_from(job, 'utf8')::jsonb ->> 'item' = '8'",
        "update apalis.jobs set status = 'Done', done_at = now()
         where convert_from(job, 'utf8')::jsonb ->> 'item' = '8'",
    ] {
        let ward = Ward::healthy().await;
        ward.run(lost).await;

        ward.heals(Kind::ItemWithoutJob, item(8), &["jobs of 8"]).await;
    }
}

#[tokio::test]
async fn an_item_waits_by_right_for_a_worker_with_its_set_of_migrations() {
    let ward = Ward::healthy().await;
    ward.run("delete from apalis.jobs where convert_from(job, 'utf8')::jsonb ->> 'item' = '8'")
        .await;
    ward.run(
        "update BATCHES set params = '{\"set\": \"of-nobody\"}'
         where id = (select operation_id from ITEMS where id = 8)",
    )
    .await;

    assert_eq!(ward.found().await, []);
}

#[tokio::test]
async fn an_item_of_a_paused_queue_waits_by_right() {
    let ward = Ward::healthy().await;
    ward.run("update tenantry.installation set paused_at = now()").await;
    ward.run("delete from apalis.jobs").await;

    assert_eq!(ward.found().await, []);
}

#[tokio::test]
async fn a_scheduled_batch_whose_time_has_come_needs_jobs() {
    let ward = Ward::healthy().await;
    ward.run("update BATCHES set run_at = now() - interval '1 hour' where run_at is not null")
        .await;
    ward.run("update ITEMS set next_attempt_at = now() - interval '1 hour' where id = 11").await;

    assert_eq!(ward.found().await, [(Kind::ItemWithoutJob, item(11))]);
}

#[tokio::test]
async fn a_job_with_nothing_to_do_is_killed() {
    for (of, what) in [
        (1, "jobs of 1"),       // has succeeded
        (4711, "jobs of 4711"), // was never there
    ] {
        let ward = Ward::healthy().await;
        let job = ward.give_job(of).await;

        ward.heals(Kind::JobWithoutItem, Subject::Job(job), &[what]).await;
    }
}

#[tokio::test]
async fn a_job_that_cannot_be_read_is_killed() {
    let ward = Ward::healthy().await;
    let job = ward.give_job(1).await;
    ward.run(
        "update apalis.jobs set job = '{\"v\": 99}'
         where convert_from(job, 'utf8')::jsonb ->> 'item' = '1'",
    )
    .await;

    ward.heals(Kind::JobWithoutItem, Subject::Job(job), &["jobs of ?"]).await;
}

#[tokio::test]
async fn an_item_that_contradicts_itself_is_told() {
    for (id, contradiction) in [
        (1, "update ITEMS set worker_id = 'alive' where id = 1"),
        (1, "update ITEMS set finished_at = null where id = 1"),
        (8, "update ITEMS set worker_id = 'alive' where id = 8"),
        (8, "update TENANTS set state = 'deleted' where id = 8"),
        (8, "update TENANTS set state = 'released' where id = 8"),
        (12, "update BATCHES set mode = 'independent' where mode = 'atomic'"),
    ] {
        let ward = Ward::healthy().await;
        ward.run(contradiction).await;

        ward.only_reports(Kind::ItemInWrongState, item(id)).await;
    }
}

#[tokio::test]
async fn a_failed_undo_is_told_with_what_to_do() {
    let ward = Ward::healthy().await;
    ward.run("update TENANTS set state = 'pending' where id = 7").await;
    ward.leave_behind(7).await;
    ward.run("update ITEMS set state = 'undo_failed' where id = 7").await;

    ward.only_reports(Kind::UndoFailed, item(7)).await;

    let report = doctor::examine(&ward.db.pool, &super::ward::scope()).await.unwrap();
    let sentence = &report.findings[0].sentence;
    assert!(sentence.contains("tenantry item resolve 00000000-"), "{sentence}");
}

#[tokio::test]
async fn success_without_a_tenant_is_told() {
    for lost in [
        "update TENANTS set state = 'pending', activated_at = null where id = 3",
        "update ITEMS set tenant_id = null where id = 3",
    ] {
        let ward = Ward::healthy().await;
        ward.run(lost).await;

        ward.only_reports(Kind::SucceededWithoutTenant, item(3)).await;
    }
}

#[tokio::test]
async fn a_tenant_that_was_deleted_later_was_a_success() {
    let ward = Ward::healthy().await;
    let mut conn = ward.db.pool.acquire().await.unwrap();
    ward.run("update TENANTS set state = 'deleting' where id = 3").await;
    ward.heals(Kind::SuspendedTenantLetIn, tenant(3), &[]).await;

    ward.run("update KEYS set revoked_at = now() where tenant_id = 3").await;
    tenantdb::schema::drop(&mut conn, &schema(3)).await.unwrap();
    tenantdb::role::drop(&mut conn, &ward.role(3)).await.unwrap();
    ward.run("update TENANTS set state = 'deleted', deleted_at = now() where id = 3").await;

    assert_eq!(ward.found().await, []);
}

#[tokio::test]
async fn a_tenant_made_twice_is_told() {
    let ward = Ward::healthy().await;
    ward.run("update ITEMS set tenant_id = 1 where id = 2").await;

    ward.only_reports(Kind::TenantOfSeveralItems, tenant(1)).await;
}

#[tokio::test]
async fn what_is_left_of_a_failed_item_is_taken_away() {
    let ward = Ward::healthy().await;
    ward.run("update TENANTS set state = 'pending' where id = 7").await;
    ward.leave_behind(7).await;
    ward.issue_key(7, Some(2)).await;
    ward.record_stage(7).await;

    let changed = ["key 7", "role tn_us_7", "schema t_7", "stage of 7", "tenant 7"];
    ward.heals(Kind::FailedWithRemains, item(7), &changed).await;
}

#[tokio::test]
async fn a_stage_left_of_a_released_tenant_is_forgotten() {
    let ward = Ward::healthy().await;
    ward.record_stage(7).await;

    ward.heals(Kind::FailedWithRemains, item(7), &["stage of 7"]).await;
}

#[tokio::test]
async fn an_active_tenant_of_a_failed_item_is_left_to_people() {
    let ward = Ward::healthy().await;
    ward.run("update ITEMS set state = 'failed' where id = 5").await;
    ward.run("update BATCHES set state = 'completed_with_failures' where total = 5").await;
    ward.run(
        "update EVENTS set payload = payload || '{\"state\": \"completed_with_failures\",
         \"progress\": {\"total\": 5, \"succeeded\": 4}}' where payload ->> 'state' = 'completed'",
    )
    .await;
    let before = ward.everything().await;
    assert_eq!(ward.found().await, [(Kind::FailedWithRemains, item(5))]);

    let fixed = ward.fix(Kind::FailedWithRemains).await;

    assert_eq!((fixed.done, fixed.refused.len()), (vec![], 1));
    assert_eq!(ward.everything().await, before);
}

#[tokio::test]
async fn names_that_nobody_works_on_are_released() {
    let ward = Ward::healthy().await;
    ward.reserve(20).await;
    ward.write(20, "schema_name = 'stranger'").await;

    ward.heals(Kind::PendingWithoutItem, tenant(20), &["tenant 20"]).await;
}

#[tokio::test]
async fn a_reservation_goes_with_what_was_made_for_it() {
    let ward = Ward::healthy().await;
    ward.reserve(20).await;
    ward.leave_behind(20).await;

    let changed = ["role tn_us_20", "schema t_20", "tenant 20"];
    ward.heals(Kind::PendingWithoutItem, tenant(20), &changed).await;
}

#[tokio::test]
async fn a_sequence_of_ids_that_is_behind_is_set_past_the_highest() {
    for (table, reset) in [
        ("tenantry.tenants", "select setval(pg_get_serial_sequence('TENANTS', 'id'), 4)"),
        ("tenantry.operation_items", "alter table ITEMS alter column id restart"),
        ("tenantry.api_keys", "select setval(pg_get_serial_sequence('KEYS', 'id'), 1)"),
    ] {
        let ward = Ward::healthy().await;
        ward.run(reset).await;

        ward.heals(Kind::IdsBehind, Subject::Control(table.to_owned()), &[]).await;
    }
}

#[tokio::test]
async fn what_cannot_be_read_back_is_told_of_every_tenant_and_item() {
    for (damage, subject) in [
        ("update TENANTS set settings = '{\"metadata\": {\"n\": 1e500}}' where id = 7", tenant(7)),
        ("update TENANTS set settings = '{\"limits\": []}' where id = 7", tenant(7)),
        (
            "update TENANTS set settings = ('{\"metadata\": {\"n\": '
                 || repeat('[', 130) || repeat(']', 130) || '}}')::jsonb where id = 7",
            tenant(7),
        ),
        ("update ITEMS set input = '[1e500]' where id = 7", item(7)),
    ] {
        let ward = Ward::healthy().await;
        ward.run(damage).await;

        ward.only_reports(Kind::UnreadableRow, subject).await;
    }
}
