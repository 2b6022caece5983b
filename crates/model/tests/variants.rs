//! The check bites: with any one rule left out, the checker finds what goes wrong.

mod support;

use model::{
    ACTIVATED_ONCE, ALL_ENDS, ENDS_STAY, FINISHED_IS_OVER, FINISHED_ONCE, MOVES_ARE_LEGAL,
    NO_REMAINS, NO_STALE_COMMIT, NOT_STOLEN, Protocol, STRANGERS_SAFE, VISIBLE_IFF_SUCCEEDED,
    Variant,
};
use support::{failures, search, shortest_way, told};

/// Asserts that `variant` breaks `property` within so few items and misfortunes.
fn breaks(variant: Variant, items: usize, faults: u8, property: &'static str) {
    assert!(Variant::BROKEN.contains(&variant));
    let protocol = Protocol { variant, items, faults, max_tries: 2 };

    let found = shortest_way(protocol, property);

    let way = found.get(property).unwrap_or_else(|| panic!("{variant:?} went unnoticed"));
    println!("{variant:?}, not so: {property}\n{}", told(&protocol, property, way));
}

#[test]
fn without_the_fence_a_late_worker_changes_an_ended_item() {
    breaks(Variant::NoFence, 1, 2, ENDS_STAY);
}

#[test]
fn without_the_fence_an_item_moves_as_no_item_may() {
    breaks(Variant::NoFence, 1, 2, MOVES_ARE_LEGAL);
}

#[test]
fn without_the_fence_a_tenant_is_activated_twice() {
    breaks(Variant::NoFence, 1, 2, ACTIVATED_ONCE);
}

#[test]
fn without_the_fence_a_failed_item_leaves_remains() {
    breaks(Variant::NoFence, 1, 2, NO_REMAINS);
}

#[test]
fn without_the_fence_a_tenant_is_visible_though_its_item_failed() {
    breaks(Variant::NoFence, 1, 2, VISIBLE_IFF_SUCCEEDED);
}

#[test]
fn without_the_claim_token_a_late_worker_commits_beside_the_owner() {
    breaks(Variant::NoClaimToken, 1, 1, NO_STALE_COMMIT);
}

#[test]
fn without_asking_whether_the_owner_lives_a_doubled_job_takes_its_item() {
    breaks(Variant::ClaimIgnoresLiveOwner, 1, 1, NOT_STOLEN);
}

#[test]
fn without_taking_over_a_crash_keeps_its_item_for_ever() {
    breaks(Variant::NoTakeOver, 1, 1, ALL_ENDS);
}

#[test]
fn without_effect_and_checkpoint_in_one_transaction_remains_are_forgotten() {
    breaks(Variant::CheckpointApart, 1, 1, NO_REMAINS);
}

#[test]
fn without_the_checkpoints_committed_since_the_claim_remains_are_forgotten() {
    breaks(Variant::UndoGoesByClaim, 1, 1, NO_REMAINS);
}

#[test]
fn without_the_ownership_mark_a_strangers_schema_is_dropped() {
    breaks(Variant::NoOwnershipMark, 1, 1, STRANGERS_SAFE);
}

#[test]
fn without_a_look_at_checkpoints_a_cancelled_item_leaves_remains() {
    breaks(Variant::CancelEndsBegun, 1, 2, NO_REMAINS);
}

#[test]
fn without_the_guard_on_settling_a_batch_is_finished_twice() {
    breaks(Variant::NoSettleGuard, 1, 0, FINISHED_ONCE);
}

#[test]
fn settled_before_the_commit_a_batch_is_finished_with_an_open_item() {
    breaks(Variant::SettleBeforeCommit, 2, 0, FINISHED_IS_OVER);
}

#[test]
fn without_the_sweep_a_crash_before_settling_leaves_the_batch_open() {
    breaks(Variant::NoSweepSettle, 1, 1, ALL_ENDS);
}

#[test]
fn without_reconciling_a_lost_job_strands_its_item() {
    breaks(Variant::NoReconcile, 1, 1, ALL_ENDS);
}

#[test]
fn without_giving_back_what_the_dead_own_a_lost_job_strands_an_item() {
    breaks(Variant::GiveBackOwnOnly, 1, 2, ALL_ENDS);
}

#[test]
fn with_claims_that_a_crash_of_the_server_may_take_back_two_workers_hold_one() {
    breaks(Variant::ClaimNotDurable, 1, 1, NO_STALE_COMMIT);
}

#[test]
fn without_giving_back_a_claim_whose_answer_was_lost_strands_its_item() {
    breaks(Variant::NoGiveBack, 1, 1, ALL_ENDS);
}

#[test]
fn with_every_rule_in_place_the_same_search_finds_nothing() {
    let protocol = Protocol { variant: Variant::Real, items: 1, faults: 2, max_tries: 2 };

    let found = search(protocol);

    assert_eq!(failures(&protocol, &found), Vec::<String>::new());
}
