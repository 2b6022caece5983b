//! The product's SQL that updates a control table, from `.sql` files and literals in the sources.

use std::{fs, path::Path};

/// Some SQL and the file it stands in.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) place: String,
    pub(super) sql: String,
}

/// Every text in the crates' queries and sources that has an UPDATE of a control table.
pub(super) fn the_statements() -> Vec<Text> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the root");
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join("crates")).expect("there are crates") {
        let of_crate = entry.expect("it can be read").path();
        for dir in ["queries", "src"] {
            if of_crate.join(dir).is_dir() {
                collect(&of_crate.join(dir), &mut found);
            }
        }
    }
    assert!(found.len() > 40, "only {} statements were found", found.len());
    found
}

fn collect(dir: &Path, found: &mut Vec<Text>) {
    for entry in fs::read_dir(dir).expect("a directory of the repository can be read") {
        let path = entry.expect("so can its entries").path();
        if path.is_dir() {
            collect(&path, found);
            continue;
        }
        // `tests.rs` and `tests_….rs` hold a module's tests.
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let read = || fs::read_to_string(&path).expect("sources are UTF-8");
        let texts = match path.extension().and_then(|it| it.to_str()) {
            Some("sql") => vec![read()],
            Some("rs") if !name.starts_with("tests") => literals(&without_tests(&read())),
            _ => continue,
        };
        let place = path.display().to_string();
        let updates = texts.into_iter().filter(|sql| updates(sql) > 0);
        found.extend(updates.map(|sql| Text { place: place.clone(), sql }));
    }
}

/// How many UPDATEs of control tables stand in `sql`.
pub(super) fn updates(sql: &str) -> usize {
    let words: Vec<&str> = sql.split_whitespace().collect();
    words
        .windows(2)
        .filter(|it| it[0].trim_start_matches('(') == "update" && it[1].starts_with("tenantry."))
        .count()
}

/// The text up to its test module.
fn without_tests(text: &str) -> String {
    text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

/// The string literals of a Rust source.
fn literals(text: &str) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        let hashes = after.len() - after.trim_start_matches('#').len();
        let raw = c == 'r' && after[hashes..].starts_with('"');
        let (literal, length) = if rest.starts_with("//") {
            (None, rest.find('\n').unwrap_or(rest.len()))
        } else if raw {
            let end = format!("\"{}", "#".repeat(hashes));
            let body = &rest[2 + hashes..];
            let length = body.find(&end).unwrap_or(body.len());
            (Some(body[..length].to_owned()), 2 + hashes + length + end.len())
        } else if c == '"' {
            let length = closing_quote(&rest[1..]);
            (Some(unescaped(&rest[1..1 + length])), length + 2)
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            (None, rest[1..].find('\'').map_or(rest.len(), |at| at + 2))
        } else {
            (None, c.len_utf8())
        };
        found.extend(literal);
        rest = rest.get(length..).unwrap_or_default();
    }
    found
}

fn closing_quote(body: &str) -> usize {
    let mut escaped = false;
    let quote = body.char_indices().find(|(_, c)| {
        let closes = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        closes
    });
    quote.map_or(body.len(), |(at, _)| at)
}

fn unescaped(body: &str) -> String {
    body.replace("\\\n", "\n").replace("\\n", "\n").replace("\\\"", "\"").replace("\\\\", "\\")
}

#[test]
fn literals_are_read_as_rust_reads_them() {
    let source = concat!(
        "// \"not this\"\nlet a = \"x \\\"y\\\" \\\n z\"; let q = '\"'; let l: &'a str = r#\"raw \"q\"\"#;",
        "\nfor r in b\"bytes\" {} #[cfg(test)] mod tests { \"nor this\" }"
    );

    assert_eq!(literals(&without_tests(source)), ["x \"y\" \n z", "raw \"q\"", "bytes"]);
}
