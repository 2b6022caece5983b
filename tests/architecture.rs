//! Holds what the layout promises: who may depend on whom, how long a file may
//! grow, where dynamic SQL may stand. Each rule is a function over the tree's
//! texts that lists what breaks it, with a bad sample beside it that it must catch.

mod control;
mod graph;
mod layout;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use toml::{Table, Value};

use layout::MAY_USE;

/// Path below the root → text, for every `.rs` and `Cargo.toml`.
type Tree = BTreeMap<String, String>;

/// Lines a file may have: what one can read at a sitting.
const MOST_LINES: usize = 400;

/// Crates that would bring I/O into `domain`.
const IO: &[&str] = &["apalis", "axum", "reqwest", "sqlx", "tokio"];

/// Marks of unfinished work, in halves so that this file does not hold them.
const UNFINISHED: &[&str] =
    &[concat!("to", "do!"), concat!("unimple", "mented!"), concat!("#[ig", "nore")];

fn the_tree() -> Tree {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the root");
    let mut tree = Tree::new();
    for top in ["crates", "tests"] {
        collect(root, &root.join(top), &mut tree);
    }
    tree
}

fn collect(root: &Path, dir: &Path, tree: &mut Tree) {
    for entry in fs::read_dir(dir).expect("a directory of the repository can be read") {
        let path = entry.expect("so can its entries").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            collect(root, &path, tree);
        } else if name.ends_with(".rs") || name == "Cargo.toml" {
            let short = path.strip_prefix(root).expect("it lies below the root");
            let text = fs::read_to_string(&path).expect("sources are UTF-8");
            tree.insert(short.to_string_lossy().into_owned(), text);
        }
    }
}

fn sources(tree: &Tree) -> impl Iterator<Item = (&String, &String)> {
    tree.iter().filter(|(path, _)| path.ends_with(".rs"))
}

/// Name of each member below `crates/`, with its manifest.
fn manifests(tree: &Tree) -> BTreeMap<&str, Table> {
    tree.iter()
        .filter_map(|(path, text)| {
            let name = path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?;
            Some((name, text.parse().expect("a manifest is TOML")))
        })
        .collect()
}

/// Names of the packages in the tables of this name, those of targets included.
fn dependencies(manifest: &Table, table: &str) -> BTreeSet<String> {
    let per_target = manifest.get("target").and_then(Value::as_table);
    let targets = per_target.into_iter().flat_map(Table::values).filter_map(Value::as_table);
    let tables = [manifest].into_iter().chain(targets).filter_map(|t| t.get(table)?.as_table());
    tables
        .flatten()
        .map(|(key, value)| {
            let renamed = value.get("package").and_then(Value::as_str);
            renamed.unwrap_or(key).to_owned()
        })
        .collect()
}

fn forbidden_dependencies(tree: &Tree) -> Vec<String> {
    let manifests = manifests(tree);
    let allowed: BTreeMap<_, _> = MAY_USE.iter().copied().collect();
    let mut found = Vec::new();
    for (name, manifest) in &manifests {
        let Some(allowed) = allowed.get(name) else {
            found.push(format!("{name} has no place in the layout"));
            continue;
        };
        for used in dependencies(manifest, "dependencies") {
            let ours =
                manifests.contains_key(used.as_str()) || used == "harness" || used == "tests";
            if ours && !allowed.contains(&used.as_str()) {
                found.push(format!("{name} must not depend on {used}"));
            }
        }
    }
    found
}

/// Every crate of ours that `from` is built with.
fn reach(tree: &Tree, from: &str) -> BTreeSet<String> {
    let manifests = manifests(tree);
    let mut reached = BTreeSet::new();
    let mut open = vec![from.to_owned()];
    while let Some(name) = open.pop() {
        let Some(manifest) = manifests.get(name.as_str()) else { continue };
        for used in dependencies(manifest, "dependencies") {
            if manifests.contains_key(used.as_str()) && reached.insert(used.clone()) {
                open.push(used);
            }
        }
    }
    reached
}

fn io_in_domain(tree: &Tree) -> Vec<String> {
    let manifests = manifests(tree);
    let domain = manifests.get("domain").into_iter();
    let used = domain.flat_map(|manifest| {
        ["dependencies", "dev-dependencies", "build-dependencies"]
            .into_iter()
            .flat_map(|table| dependencies(manifest, table))
    });
    used.filter(|name| IO.contains(&name.as_str())).collect()
}

fn without_our_lints(tree: &Tree) -> Vec<String> {
    let members = tree.iter().filter(|(path, _)| path.ends_with("Cargo.toml"));
    members
        .filter(|(path, text)| {
            let manifest: Table = text.parse().expect("a manifest is TOML");
            let lints = manifest.get("lints").and_then(Value::as_table);
            let inherits = lints.and_then(|l| l.get("workspace")?.as_bool()) == Some(true);
            // It drops privileges before it starts a server: one reasoned allow.
            let own = *path == "crates/localpg/Cargo.toml" && lints.is_some();
            !inherits && !own
        })
        .map(|(path, _)| path.clone())
        .collect()
}

fn too_long(tree: &Tree) -> Vec<String> {
    sources(tree)
        .filter(|(_, text)| text.lines().count() > MOST_LINES)
        .map(|(path, text)| format!("{path} has {} lines", text.lines().count()))
        .collect()
}

fn stray_dynamic_sql(tree: &Tree) -> Vec<String> {
    let at_home =
        ["crates/tenantdb/", "crates/bench/", "crates/localpg/src/statement.rs", "tests/"];
    let is_at_home =
        |path: &str| path.contains("/tests/") || at_home.iter().any(|home| path.starts_with(home));
    // Tests plant what no product code may.
    let product = |text: &str| text.split("#[cfg(test)]\nmod tests").next().map(str::to_owned);
    let found = sources(tree).filter(|(path, text)| {
        !is_at_home(path) && product(text).is_some_and(|text| text.contains("AssertSqlSafe"))
    });
    found.map(|(path, _)| path.clone()).collect()
}

fn unfinished(tree: &Tree) -> Vec<String> {
    let marks = sources(tree).flat_map(|(path, text)| {
        UNFINISHED
            .iter()
            .filter(|mark| text.contains(**mark))
            .map(move |mark| format!("{path} has {mark}"))
    });
    marks.collect()
}

/// `lib.rs` is a table of contents: no functions, and every re-export by name.
fn busy_tables_of_contents(tree: &Tree) -> Vec<String> {
    let libs = sources(tree).filter(|(path, _)| path.ends_with("/lib.rs"));
    libs.flat_map(|(path, text)| {
        let code: Vec<_> = text.lines().map(|l| l.split("//").next().unwrap_or_default()).collect();
        let code = code.join("\n");
        let words: BTreeSet<_> = code.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        let function = words.contains("fn").then(|| format!("{path} defines a function"));
        let is_glob = |statement: &str| {
            let statement = statement.trim_start();
            statement.starts_with("pub") && statement.contains("use ") && statement.contains('*')
        };
        let glob = code.split(';').any(is_glob).then(|| format!("{path} re-exports a glob"));
        [function, glob].into_iter().flatten()
    })
    .collect()
}

fn assert_none(found: &[String]) {
    assert!(found.is_empty(), "\n  {}", found.join("\n  "));
}

fn tree(files: &[(&str, &str)]) -> Tree {
    files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

const DOMAIN: (&str, &str) = ("crates/domain/Cargo.toml", "[package]\nname = \"domain\"");

#[test]
fn crates_depend_only_as_the_layout_says() {
    let tree = the_tree();

    assert_eq!(manifests(&tree).len(), MAY_USE.len());
    assert_none(&forbidden_dependencies(&tree));
}

#[test]
fn a_dependency_against_the_layout_is_found() {
    let store = "[dependencies]\ndomain.workspace = true\nserde = \"1\"\nharness.workspace = true\n\
                 [dev-dependencies]\nkeys.workspace = true";
    let keys = "[dependencies]\nd = { package = \"domain\", path = \"../domain\" }\n\
                [target.'cfg(unix)'.dependencies]\ns = { package = \"store\", path = \"../store\" }";
    let bad = tree(&[
        DOMAIN,
        ("crates/store/Cargo.toml", store),
        ("crates/keys/Cargo.toml", keys),
        ("crates/common/Cargo.toml", ""),
    ]);

    let found = forbidden_dependencies(&bad);

    let expected = [
        "common has no place in the layout",
        "keys must not depend on store",
        "store must not depend on harness",
    ];
    assert_eq!(found, expected);
}

#[test]
fn domain_does_no_io() {
    assert_none(&io_in_domain(&the_tree()));
}

#[test]
fn io_in_domain_is_found() {
    let manifest = "[dependencies]\nserde = \"1\"\n[dev-dependencies]\ntokio.workspace = true";
    let bad = tree(&[("crates/domain/Cargo.toml", manifest)]);

    assert_eq!(io_in_domain(&bad), ["tokio"]);
}

#[test]
fn every_member_is_held_to_the_workspaces_lints() {
    assert_none(&without_our_lints(&the_tree()));
}

#[test]
fn a_member_with_lints_of_its_own_is_found() {
    let own = "[lints.rust]\nunsafe_code = \"deny\"";
    let bad = tree(&[
        ("crates/localpg/Cargo.toml", own),
        ("crates/keys/Cargo.toml", own),
        ("crates/engine/Cargo.toml", "[lints]\nworkspace = true"),
        DOMAIN,
    ]);

    assert_eq!(without_our_lints(&bad), ["crates/domain/Cargo.toml", "crates/keys/Cargo.toml"]);
}

#[test]
fn no_file_is_longer_than_one_can_read_at_a_sitting() {
    assert_none(&too_long(&the_tree()));
}

#[test]
fn a_file_one_line_too_long_is_found() {
    let (longest, over) = ("\n".repeat(MOST_LINES), "\n".repeat(MOST_LINES + 1));
    let bad = tree(&[("crates/keys/src/a.rs", &longest), ("tests/b.rs", &over)]);

    assert_eq!(too_long(&bad), ["tests/b.rs has 401 lines"]);
}

#[test]
fn dynamic_sql_stands_in_tenantdb_only() {
    assert_none(&stray_dynamic_sql(&the_tree()));
}

#[test]
fn dynamic_sql_elsewhere_is_found() {
    let sql = "sqlx::query(sqlx::AssertSqlSafe(text))";
    let bad = tree(&[
        ("crates/tenantdb/src/schema.rs", sql),
        ("tests/story.rs", sql),
        ("crates/store/src/lib.rs", sql),
        ("crates/store/src/tenants.rs", &format!("#[cfg(test)]\nmod tests {{ {sql} }}")),
        ("crates/store/tests/tenants.rs", sql),
    ]);

    assert_eq!(stray_dynamic_sql(&bad), ["crates/store/src/lib.rs"]);
}

#[test]
fn nothing_is_left_unfinished() {
    assert_none(&unfinished(&the_tree()));
}

#[test]
fn unfinished_work_is_found() {
    for mark in UNFINISHED {
        let bad = tree(&[("crates/keys/src/mint.rs", &format!("fn mint() {{ {mark}"))]);

        assert_eq!(unfinished(&bad).len(), 1, "{mark}");
    }
}

#[test]
fn every_lib_rs_is_a_table_of_contents() {
    let tree = the_tree();

    assert!(tree.contains_key("crates/domain/src/lib.rs"));
    assert_none(&busy_tables_of_contents(&tree));
}

#[test]
fn a_lib_rs_with_a_function_or_a_glob_is_found() {
    let good =
        "//! No `fn` here, and no `pub use a::*`.\nmod a;\npub use a::{B, C}; // fn\nuse a::*;";
    let bad = tree(&[
        ("crates/a/src/lib.rs", good),
        ("crates/b/src/lib.rs", "mod a;\npub const fn one() -> u8 { 1 }"),
        ("crates/c/src/lib.rs", "mod a;\n\npub use a::{\n    b::*,\n};"),
        ("crates/d/src/other.rs", "pub fn two() {}"),
    ]);

    let expected =
        ["crates/b/src/lib.rs defines a function", "crates/c/src/lib.rs re-exports a glob"];
    assert_eq!(busy_tables_of_contents(&bad), expected);
}
