//! The check bites: with any one rule left out, the checker finds what goes wrong.

mod support;

use model::{
    ACTIVATED_ONCE, ALL_ENDS, ENDS_STAY, FINISHED_IS_OVER, FINISHED_ONCE, IN_ORDER_OF_ARRIVAL,
    MOVES_ARE_LEGAL, NEVER_UNDONE, NO_REMAINS, NO_STALE_COMMIT, NOT_STOLEN, ONCE_IN_ORDER,
    ONE_AT_A_TIME, Protocol, RECORDED_AS_IS, STRANGERS_SAFE, VISIBLE_IFF_SUCCEEDED, Variant,
};
use support::{
    asked::{
        ALL_KINDS, CROSSWISE, DELETE, MIGRATE, MIGRATE_DELETE, PROVISION, PROVISION_MIGRATE,
        TWO_TENANTS, elsewhere, here, strict,
    },
    failures,
    graph::Graph,
    search, shortest_way, told,
};

/// Asserts that `variant` of what `real` asks for breaks `property`.
fn breaks(variant: Variant, real: Protocol, property: &'static str) {
    assert_ne!(variant, Variant::Real);
    let protocol = Protocol { variant, ..real };

    let found = shortest_way(protocol, property);

    let way = found.get(property).unwrap_or_else(|| panic!("{variant:?} went unnoticed"));
    println!("{variant:?}, not so: {property}\n{}", told(&protocol, property, way));
}

#[test]
fn without_the_fence_a_late_worker_changes_an_ended_item() {
    breaks(Variant::NoFence, here(PROVISION, 2), ENDS_STAY);
}

#[test]
fn without_the_fence_an_item_moves_as_no_item_may() {
    breaks(Variant::NoFence, here(PROVISION, 2), MOVES_ARE_LEGAL);
}

#[test]
fn without_the_fence_a_tenant_is_activated_twice() {
    breaks(Variant::NoFence, here(PROVISION, 2), ACTIVATED_ONCE);
}

#[test]
fn without_the_fence_a_failed_item_leaves_remains() {
    breaks(Variant::NoFence, here(PROVISION, 2), NO_REMAINS);
}

#[test]
fn without_the_fence_a_tenant_is_visible_though_its_item_failed() {
    breaks(Variant::NoFence, here(PROVISION, 2), VISIBLE_IFF_SUCCEEDED);
}

#[test]
fn without_the_claim_token_a_late_worker_commits_beside_the_owner() {
    breaks(Variant::NoClaimToken, here(PROVISION, 1), NO_STALE_COMMIT);
}

#[test]
fn without_asking_whether_the_owner_lives_a_doubled_job_takes_its_item() {
    breaks(Variant::ClaimIgnoresLiveOwner, here(PROVISION, 1), NOT_STOLEN);
}

#[test]
fn without_taking_over_a_crash_keeps_its_item_for_ever() {
    breaks(Variant::NoTakeOver, here(PROVISION, 1), ALL_ENDS);
}

#[test]
fn without_effect_and_checkpoint_in_one_transaction_remains_are_forgotten() {
    breaks(Variant::CheckpointApart, here(PROVISION, 1), NO_REMAINS);
}

#[test]
fn without_the_checkpoints_committed_since_the_claim_remains_are_forgotten() {
    breaks(Variant::UndoGoesByClaim, here(PROVISION, 1), NO_REMAINS);
}

#[test]
fn without_the_ownership_mark_a_strangers_schema_is_dropped() {
    breaks(Variant::NoOwnershipMark, here(PROVISION, 1), STRANGERS_SAFE);
}

#[test]
fn without_a_look_at_checkpoints_a_cancelled_item_leaves_remains() {
    breaks(Variant::CancelEndsBegun, here(PROVISION, 2), NO_REMAINS);
}

#[test]
fn without_the_guard_on_settling_a_batch_is_finished_twice() {
    breaks(Variant::NoSettleGuard, here(PROVISION, 0), FINISHED_ONCE);
}

#[test]
fn without_the_run_in_the_guard_a_late_end_finishes_what_an_operator_opened() {
    breaks(Variant::SettlesAnyRun, here(DELETE, 1), FINISHED_IS_OVER);
}

#[test]
fn without_opening_the_operation_a_stuck_item_is_tried_again_in_a_finished_one() {
    breaks(Variant::StaysFinished, here(DELETE, 1), FINISHED_IS_OVER);
}

#[test]
fn without_a_new_run_before_the_end_an_end_seen_earlier_finishes_what_an_operator_opened() {
    breaks(Variant::NoNewRunBeforeTheEnd, here(DELETE, 1), FINISHED_IS_OVER);
}

#[test]
fn settled_before_the_commit_a_batch_is_finished_with_an_open_item() {
    breaks(Variant::SettleBeforeCommit, here(TWO_TENANTS, 0), FINISHED_IS_OVER);
}

#[test]
fn without_the_sweep_a_crash_before_settling_leaves_the_batch_open() {
    breaks(Variant::NoSweepSettle, here(PROVISION, 1), ALL_ENDS);
}

#[test]
fn without_reconciling_a_lost_job_strands_its_item() {
    breaks(Variant::NoReconcile, here(PROVISION, 1), ALL_ENDS);
}

#[test]
fn without_giving_back_what_the_dead_own_a_lost_job_strands_an_item() {
    breaks(Variant::GiveBackOwnOnly, here(PROVISION, 2), ALL_ENDS);
}

#[test]
fn with_claims_that_a_crash_of_the_server_may_take_back_two_workers_hold_one() {
    breaks(Variant::ClaimNotDurable, here(PROVISION, 1), NO_STALE_COMMIT);
}

#[test]
fn without_giving_back_a_claim_whose_answer_was_lost_strands_its_item() {
    breaks(Variant::NoGiveBack, here(PROVISION, 1), ALL_ENDS);
}

#[test]
fn without_the_hold_two_operations_work_on_one_tenant() {
    breaks(Variant::NoHold, here(PROVISION_MIGRATE, 0), ONE_AT_A_TIME);
}

#[test]
fn with_a_hold_that_a_waiting_item_keeps_two_wait_for_each_other() {
    let broken = Protocol { variant: Variant::WaitingHolds, ..here(CROSSWISE, 0) };

    assert_ne!(Graph::of(&broken).hopeless(), 0);
    assert_eq!(Graph::of(&here(CROSSWISE, 0)).hopeless(), 0);
}

#[test]
fn without_a_look_at_who_waits_an_item_is_overtaken() {
    breaks(Variant::Overtakes, here(ALL_KINDS, 0), IN_ORDER_OF_ARRIVAL);
}

#[test]
fn without_a_sweep_that_sees_waiting_items_a_lost_wake_up_strands_one() {
    breaks(Variant::SweepForgetsWaiting, here(MIGRATE_DELETE, 1), ALL_ENDS);
}

#[test]
fn with_an_undo_after_the_pivot_what_is_gone_is_undone() {
    breaks(Variant::UndoAfterPivot, here(DELETE, 1), NEVER_UNDONE);
}

#[test]
fn with_an_undo_after_the_pivot_a_tenant_is_visible_without_its_schema() {
    breaks(Variant::UndoAfterPivot, elsewhere(DELETE, 1), VISIBLE_IFF_SUCCEEDED);
}

#[test]
fn without_a_look_at_the_checkpoints_a_pivot_whose_answer_was_lost_is_undone() {
    breaks(Variant::PivotByMemory, strict(here(DELETE, 1)), NEVER_UNDONE);
}

#[test]
fn with_an_undo_of_what_stays_a_committed_migration_is_undone() {
    breaks(Variant::UndoOfWhatStays, here(MIGRATE, 1), NEVER_UNDONE);
}

#[test]
fn without_raising_the_ledgers_token_first_a_stage_takes_effect_twice() {
    breaks(Variant::FenceRaisedByStage, elsewhere(MIGRATE, 1), ONCE_IN_ORDER);
}

#[test]
fn without_raising_the_ledgers_token_first_an_undone_item_leaves_remains() {
    breaks(Variant::FenceRaisedByStage, elsewhere(PROVISION, 2), NO_REMAINS);
}

#[test]
fn without_checking_the_ledgers_token_a_late_worker_commits_beside_the_owner() {
    breaks(Variant::NoLedgerToken, elsewhere(PROVISION, 1), NO_STALE_COMMIT);
}

#[test]
fn without_checking_the_ledgers_token_a_stage_takes_effect_twice() {
    breaks(Variant::NoLedgerToken, elsewhere(MIGRATE, 1), ONCE_IN_ORDER);
}

#[test]
fn without_checking_the_ledgers_token_a_late_worker_works_in_another_operation() {
    breaks(Variant::NoLedgerToken, elsewhere(PROVISION_MIGRATE, 1), ONE_AT_A_TIME);
}

#[test]
fn without_asking_the_ledger_a_committed_stage_is_committed_again() {
    breaks(Variant::TrustsCheckpoints, elsewhere(MIGRATE, 1), ONCE_IN_ORDER);
}

#[test]
fn without_asking_the_ledger_remains_are_forgotten() {
    breaks(Variant::TrustsCheckpoints, elsewhere(PROVISION, 2), NO_REMAINS);
}

#[test]
fn without_asking_the_ledger_an_item_ends_with_an_effect_that_has_no_checkpoint() {
    breaks(Variant::TrustsCheckpoints, elsewhere(MIGRATE, 2), RECORDED_AS_IS);
}

#[test]
fn without_asking_the_ledger_again_an_item_turns_back_over_a_committed_stage() {
    breaks(Variant::TurnsBackUnasked, elsewhere(MIGRATE, 2), RECORDED_AS_IS);
}

#[test]
fn with_a_record_of_all_stages_one_whose_answer_was_lost_loses_its_checkpoint() {
    breaks(Variant::RecordsAllStages, elsewhere(DELETE, 2), RECORDED_AS_IS);
}

#[test]
fn with_a_cancel_that_raises_no_token_a_late_worker_leaves_remains() {
    breaks(Variant::CancelEndsClaimed, elsewhere(PROVISION, 2), NO_REMAINS);
}

#[test]
fn with_every_rule_in_place_the_same_search_finds_nothing() {
    let protocol = here(PROVISION, 2);

    let found = search(protocol);

    assert_eq!(failures(&protocol, &found), Vec::<String>::new());
}
