//! The protocol keeps its promises in every state it can reach, and always comes to an end.

mod support;

use model::{Protocol, Variant};
use support::{failures, graph::Graph, missing, search};

const REAL: Protocol = Protocol { variant: Variant::Real, items: 2, faults: 2, max_tries: 2 };

#[test]
fn two_items_survive_any_two_misfortunes() {
    let found = search(REAL);

    assert_eq!(failures(&REAL, &found), Vec::<String>::new());
    // For that both tries of the undo would have to fail too.
    assert_eq!(missing(&REAL, &found), ["an undo is given up"]);
}

#[test]
fn one_item_survives_any_three_misfortunes() {
    let deeper = Protocol { items: 1, faults: 3, ..REAL };

    let found = search(deeper);

    assert_eq!(failures(&deeper, &found), Vec::<String>::new());
}

#[test]
fn an_item_whose_undo_may_not_be_retried_survives_any_two_misfortunes() {
    let strict = Protocol { items: 1, max_tries: 1, ..REAL };

    let found = search(strict);

    assert_eq!(failures(&strict, &found), Vec::<String>::new());
    assert_eq!(missing(&strict, &found), Vec::<&str>::new());
}

#[test]
fn while_a_worker_lives_everything_can_end_without_help() {
    for bounds in [Protocol { faults: 1, ..REAL }, Protocol { items: 1, ..REAL }] {
        let graph = Graph::of(&bounds);

        assert!(graph.comes_to_an_end());
        assert_eq!(graph.hopeless(), 0, "states from which the end cannot be reached");
        println!("{bounds:?}: the end can be reached from all {} states", graph.size());
    }
}

#[test]
fn a_state_from_which_the_end_cannot_be_reached_is_found() {
    let broken = Protocol { variant: Variant::NoReconcile, items: 1, faults: 1, ..REAL };

    assert_ne!(Graph::of(&broken).hopeless(), 0);
}
