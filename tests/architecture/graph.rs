//! ARCHITECTURE.md's picture of the crates is the one that the manifests make.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use super::{Tree, dependencies, manifests, reach, the_tree};

/// Crate → the crates it points to.
type Arrows = BTreeMap<String, BTreeSet<String>>;

/// The arrows of the first `graph TD` in `text`.
fn drawn(text: &str) -> Arrows {
    let graph = text.split("graph TD\n").nth(1).unwrap_or_default();
    let graph = graph.split("```").next().unwrap_or_default();
    let mut arrows = Arrows::new();
    for line in graph.lines().filter_map(|line| line.split_once("-->")) {
        let ends = line.1.split('&').map(|end| end.trim().to_owned());
        arrows.entry(line.0.trim().to_owned()).or_default().extend(ends);
    }
    arrows
}

/// What each crate is built with, without what follows from others.
fn built(tree: &Tree) -> Arrows {
    let manifests = manifests(tree);
    let mut arrows = Arrows::new();
    for (name, manifest) in &manifests {
        let ours = |used: &String| manifests.contains_key(used.as_str());
        let direct: BTreeSet<_> =
            dependencies(manifest, "dependencies").into_iter().filter(ours).collect();
        let follows =
            |used: &String| direct.iter().any(|by| by != used && reach(tree, by).contains(used));
        let kept: BTreeSet<_> = direct.iter().filter(|used| !follows(used)).cloned().collect();
        if !kept.is_empty() {
            arrows.insert((*name).to_owned(), kept);
        }
    }
    arrows
}

#[test]
fn the_picture_of_the_crates_is_what_the_manifests_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../ARCHITECTURE.md");
    let text = fs::read_to_string(path).expect("ARCHITECTURE.md is there");

    assert_eq!(drawn(&text), built(&the_tree()));
}

#[test]
fn an_arrow_that_is_missing_or_follows_from_others_is_found() {
    let tree = super::tree(&[
        super::DOMAIN,
        ("crates/keys/Cargo.toml", "[dependencies]\ndomain.workspace = true"),
        (
            "crates/api/Cargo.toml",
            "[dependencies]\ndomain.workspace = true\nkeys.workspace = true\nserde = \"1\"",
        ),
    ]);
    let picture = |arrows: &str| drawn(&format!("```mermaid\ngraph TD\n{arrows}```\nx --> y"));

    assert_eq!(picture("  api --> keys\n  keys --> domain\n"), built(&tree));
    assert_ne!(picture("  api --> keys & domain\n  keys --> domain\n"), built(&tree));
    assert_ne!(picture("  keys --> domain\n"), built(&tree));
}
