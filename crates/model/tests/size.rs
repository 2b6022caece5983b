//! x
use model::{Protocol, Variant};
use stateright::{Checker, HasDiscoveries, Model};
use std::time::Instant;
#[test]
fn size() {
    let env = |n: &str, d: u8| std::env::var(n).map_or(d, |v| v.parse().unwrap());
    let p = Protocol {
        variant: Variant::Real,
        items: env("ITEMS", 2) as usize,
        faults: env("FAULTS", 1),
        max_tries: env("TRIES", 2),
    };
    let t = Instant::now();
    let c = p.checker().finish_when(HasDiscoveries::AnyFailures).symmetry_fn(model::representative).spawn_dfs().join();
    println!(
        "{p:?}: {} states, {} generated, depth {}, {:?}",
        c.unique_state_count(),
        c.state_count(),
        c.max_depth(),
        t.elapsed()
    );
    for (n, path) in c.discoveries() {
        println!("{n}");
        if p.property(n).expectation.discovery_is_failure() {
            println!("{path}");
        }
    }
}
