//! Runs the checker.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod asked;
pub(crate) mod graph;

use std::{
    collections::{BTreeSet, HashMap},
    time::Instant,
};

use model::{Action, Protocol, State, representative};
use stateright::{Checker, Expectation, HasDiscoveries, Model, Path};

/// What the checker found, by the name of the property.
pub(crate) type Found = HashMap<&'static str, Path<State, Action>>;

/// Looks at every state that can be reached.
pub(crate) fn search(protocol: Protocol) -> Found {
    let builder =
        protocol.checker().finish_when(HasDiscoveries::AnyFailures).symmetry_fn(representative);
    let started = Instant::now();
    let checker = builder.spawn_dfs().join();
    report(&protocol, &checker, started);
    checker.discoveries()
}

/// Looks for the shortest way to break `property`.
pub(crate) fn shortest_way(protocol: Protocol, property: &'static str) -> Found {
    let builder = protocol.checker().finish_when(HasDiscoveries::AllOf(BTreeSet::from([property])));
    let started = Instant::now();
    let checker = builder.spawn_bfs().join();
    report(&protocol, &checker, started);
    checker.discoveries()
}

fn report(protocol: &Protocol, checker: &impl Checker<Protocol>, started: Instant) {
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    println!("{protocol:?}: {states} states, {depth} deep, in {:.1?}", started.elapsed());
}

/// What must hold and does not, with the way there.
pub(crate) fn failures(protocol: &Protocol, found: &Found) -> Vec<String> {
    let is_failure = |name| protocol.property(name).expectation.discovery_is_failure();
    found
        .iter()
        .filter(|(name, _)| is_failure(name))
        .map(|(name, way)| format!("not so: {name}\n{}", told(protocol, name, way)))
        .collect()
}

/// What must be possible and was not found.
pub(crate) fn missing(protocol: &Protocol, found: &Found) -> Vec<&'static str> {
    let properties = protocol.properties().into_iter();
    let possible = properties.filter(|it| it.expectation == Expectation::Sometimes);
    possible.map(|it| it.name).filter(|name| !found.contains_key(name)).collect()
}

/// A way, one action a line, up to where `property` no longer holds.
pub(crate) fn told(
    protocol: &Protocol,
    property: &'static str,
    way: &Path<State, Action>,
) -> String {
    let holds = protocol.property(property).condition;
    let steps = way.clone().into_vec().into_iter().take_while(|(state, _)| holds(protocol, state));
    steps.filter_map(|(state, action)| Some(line(&state, action?))).collect()
}

fn line(state: &State, action: Action) -> String {
    let hand = match action {
        Action::Step(worker, _) => state.workers[worker].hand,
        _ => None,
    };
    hand.map_or(format!("  {action:?}\n"), |it| format!("  {action:?} of {:?}\n", it.phase))
}
