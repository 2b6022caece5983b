//! The protocol keeps its promises in every state it can reach, and always comes to an end.

mod support;

use model::{Protocol, Variant};
use support::{
    asked::{
        ALL_KINDS, CROSSWISE, DELETE, DELETE_MIGRATE, MIGRATE, MIGRATE_DELETE, PROVISION,
        PROVISION_MIGRATE, TWO_TENANTS, elsewhere, here, strict,
    },
    failures,
    graph::Graph,
    missing, search,
};

const AHEAD: &str = "a stage took effect and has no checkpoint";
const BEHIND: &str = "an item waits behind one that rests";
const GIVEN_UP: &str = "an undo is given up";
const LATE_THERE: &str = "a late worker may still commit in the tenant database";
const STAYS: &str = "a failed item keeps a committed stage";
const STUCK: &str = "an item is stuck";
const TWO_SETTLE: &str = "two workers see the operation's end at once";
const UNDONE: &str = "a committed stage has to be undone";

/// Asserts that every promise is kept, and that all but `impossible` happens.
fn survives(protocol: Protocol, impossible: &[&str]) {
    let found = search(protocol);

    assert_eq!(failures(&protocol, &found), Vec::<String>::new());
    let mut missing = missing(&protocol, &found);
    missing.sort_unstable();
    let mut impossible = impossible.to_vec();
    impossible.sort_unstable();
    assert_eq!(missing, impossible);
}

#[test]
fn two_items_survive_any_two_misfortunes() {
    survives(here(TWO_TENANTS, 2), &[AHEAD, BEHIND, GIVEN_UP, LATE_THERE, STAYS, STUCK]);
}

#[test]
fn one_item_survives_any_three_misfortunes() {
    survives(here(PROVISION, 3), &[AHEAD, BEHIND, LATE_THERE, STAYS, STUCK]);
}

#[test]
fn an_item_whose_undo_may_not_be_retried_survives_any_two_misfortunes() {
    survives(strict(here(PROVISION, 2)), &[AHEAD, BEHIND, LATE_THERE, STAYS, STUCK]);
}

#[test]
fn a_kind_that_stays_keeps_what_is_committed_and_undoes_nothing() {
    survives(here(MIGRATE, 2), &[AHEAD, BEHIND, GIVEN_UP, LATE_THERE, STUCK, UNDONE]);
}

#[test]
fn a_kind_with_a_pivot_goes_back_before_it_and_only_forward_after() {
    survives(here(DELETE, 2), &[AHEAD, BEHIND, GIVEN_UP, LATE_THERE]);
}

#[test]
fn a_tenant_is_made_in_another_database_through_any_two_misfortunes() {
    survives(elsewhere(PROVISION, 2), &[BEHIND, GIVEN_UP, STAYS, STUCK]);
    survives(strict(elsewhere(PROVISION, 2)), &[BEHIND, STAYS, STUCK]);
}

#[test]
fn a_tenant_is_migrated_in_another_database_through_any_two_misfortunes() {
    survives(elsewhere(MIGRATE, 2), &[BEHIND, GIVEN_UP, STUCK, UNDONE]);
    survives(strict(elsewhere(MIGRATE, 2)), &[BEHIND, STUCK, UNDONE]);
}

#[test]
fn a_tenant_is_taken_out_of_another_database_through_any_two_misfortunes() {
    survives(elsewhere(DELETE, 2), &[BEHIND, GIVEN_UP]);
    survives(strict(elsewhere(DELETE, 2)), &[BEHIND]);
}

#[test]
fn two_kinds_on_one_tenant_survive_any_misfortune() {
    for asked in [MIGRATE_DELETE, DELETE_MIGRATE] {
        survives(here(asked, 1), &[AHEAD, GIVEN_UP, LATE_THERE, TWO_SETTLE]);
        survives(elsewhere(asked, 1), &[GIVEN_UP, TWO_SETTLE]);
    }
    survives(here(PROVISION_MIGRATE, 1), &[AHEAD, GIVEN_UP, LATE_THERE, STUCK, TWO_SETTLE]);
    survives(elsewhere(PROVISION_MIGRATE, 1), &[GIVEN_UP, STUCK, TWO_SETTLE]);
}

#[test]
fn two_kinds_on_one_tenant_in_another_database_survive_any_two_misfortunes() {
    survives(elsewhere(PROVISION_MIGRATE, 2), &[GIVEN_UP, STUCK, TWO_SETTLE]);
    survives(elsewhere(MIGRATE_DELETE, 2), &[GIVEN_UP, TWO_SETTLE]);
}

#[test]
fn three_kinds_on_one_tenant_survive_any_misfortune() {
    survives(elsewhere(ALL_KINDS, 1), &[GIVEN_UP, TWO_SETTLE]);
}

#[test]
fn items_that_hold_two_tenants_survive_any_misfortune() {
    let impossible = [AHEAD, GIVEN_UP, LATE_THERE, STUCK, TWO_SETTLE, UNDONE];
    survives(here(CROSSWISE, 1), &impossible);
}

#[test]
fn while_a_worker_lives_everything_can_end_without_help() {
    for bounds in [
        here(TWO_TENANTS, 1),
        here(PROVISION, 2),
        elsewhere(PROVISION, 1),
        elsewhere(DELETE, 2),
        elsewhere(MIGRATE_DELETE, 1),
        here(ALL_KINDS, 0),
        here(CROSSWISE, 0),
    ] {
        let graph = Graph::of(&bounds);

        assert!(graph.comes_to_an_end());
        assert_eq!(graph.hopeless(), 0, "states from which the end cannot be reached");
        println!("{bounds:?}: the end can be reached from all {} states", graph.size());
    }
}

#[test]
fn a_state_from_which_the_end_cannot_be_reached_is_found() {
    let broken = Protocol { variant: Variant::NoReconcile, ..here(PROVISION, 1) };

    assert_ne!(Graph::of(&broken).hopeless(), 0);
}

#[test]
fn while_nothing_goes_wrong_the_end_of_an_item_wakes_the_next_one_without_the_sweep() {
    let without_sweep = |asked| Protocol { variant: Variant::NoReconcile, ..here(asked, 0) };

    assert_eq!(Graph::of(&without_sweep(MIGRATE_DELETE)).hopeless(), 0);
    // A tenant that is being made is left to the sweep.
    assert_ne!(Graph::of(&without_sweep(PROVISION_MIGRATE)).hopeless(), 0);
}
