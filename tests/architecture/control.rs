//! The API may change rows and wake workers through the engine, and run no step.

use super::{Tree, assert_none, reach, sources, the_tree, tree};

/// Files of the API that name anything of the engine but what changes rows and wakes workers.
fn beyond_control(tree: &Tree) -> Vec<String> {
    let in_api = sources(tree).filter(|(path, _)| path.starts_with("crates/api/src/"));
    // base64 has a module of the same name.
    let more = |text: &str| {
        let named = text.split("engine::").skip(1);
        named.filter(|it| !it.starts_with("general_purpose")).any(|it| !it.starts_with("control"))
    };
    in_api.filter(|(_, text)| more(text)).map(|(path, _)| path.clone()).collect()
}

#[test]
fn no_step_can_run_inside_a_request() {
    let reached = reach(&the_tree(), "api");

    assert!(reached.contains("engine"), "{reached:?}");
    for name in ["operations", "tenantdb", "worker"] {
        assert!(!reached.contains(name), "api reaches {name}");
    }
}

#[test]
fn a_step_reached_by_a_detour_is_found() {
    let bad = tree(&[
        ("crates/api/Cargo.toml", "[dependencies]\nqueue.workspace = true"),
        ("crates/queue/Cargo.toml", "[dependencies]\noperations.workspace = true"),
        ("crates/operations/Cargo.toml", ""),
    ]);

    assert!(reach(&bad, "api").contains("operations"));
}

#[test]
fn a_request_reaches_the_engines_control_and_no_more_of_it() {
    assert_none(&beyond_control(&the_tree()));
}

#[test]
fn a_request_that_reaches_more_of_the_engine_is_found() {
    let good = "use engine::control::{self, Retry};\nfn f() { engine::control::pause(); }";
    let bad = tree(&[
        ("crates/api/src/good.rs", good),
        ("crates/api/src/bad.rs", "use engine::{Runner, control};"),
        ("crates/api/src/worse.rs", "fn f() { engine::Runner::new(); }"),
        ("crates/worker/src/lane.rs", "use engine::Runner;"),
    ]);

    assert_eq!(beyond_control(&bad), ["crates/api/src/bad.rs", "crates/api/src/worse.rs"]);
}
