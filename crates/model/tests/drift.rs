//! The table that says what each action stands for names what there is.

use std::{fs, path::Path};

/// Function, if one is named, and file of each line.
fn table() -> Vec<(Option<String>, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let story = fs::read_to_string(root.join("src/lib.rs")).expect("the crate has a lib.rs");
    let lines = story.lines().filter(|line| line.starts_with("//! |") && line.contains("crates/"));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(|it| it.trim().trim_matches('`')).collect();
            let function = Some(cells[2]).filter(|it| !it.is_empty()).map(str::to_owned);
            (function, cells[3].to_owned())
        })
        .collect()
}

fn missing(function: Option<&str>, file: &str) -> Option<String> {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("crates/ lies in the root");
    let Ok(text) = fs::read_to_string(root.join(file)) else {
        return Some(format!("there is no {file}"));
    };
    let function = function?;
    let there = [format!("fn {function}("), format!("fn {function}<")];
    let missing = !there.iter().any(|it| text.contains(it));
    missing.then(|| format!("{file} has no function {function}"))
}

#[test]
fn every_action_stands_for_a_function_there_is() {
    let table = table();

    let missing: Vec<_> =
        table.iter().filter_map(|(f, file)| missing(f.as_deref(), file)).collect();

    assert!(table.len() > 30, "the table was not read");
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn a_function_that_went_elsewhere_is_found() {
    let here = "crates/model/src/action.rs";

    assert_eq!(missing(Some("act"), here), None);
    assert!(missing(Some("react"), here).is_some());
    assert!(missing(None, "crates/model/src/reaction.rs").is_some());
}
