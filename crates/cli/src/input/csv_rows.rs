//! Tenants as a spreadsheet writes them, with `,`, `;` or tabs between the columns.
//!
//! `settings.features` is a list (`a|b`), `settings.limits.<name>` a whole number,
//! `settings.metadata.<name>` and `labels.<key>` a text. An empty cell means "not given"; rows of empty cells are skipped.

use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};

use super::mistakes::Mistakes;
use crate::failure::Failure;

pub(super) const PLAIN: [&str; 5] =
    ["tenant_name", "domain", "schema_name", "description", "external_id"];

pub(super) const FEATURES: &str = "settings.features";

/// What may separate columns, the usual one first: spreadsheets of many countries write `;`.
const SEPARATORS: [char; 3] = [',', ';', '\t'];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Column {
    Plain(String),
    /// Of an import: whether it is so.
    Flag(String),
    /// Of an import: a list.
    List(String),
    Features,
    Limit(String),
    Metadata(String),
    Label(String),
}

/// The tenants of `text`; of `imports`, columns of an import too.
pub(super) fn parse(text: &str, imports: bool) -> anyhow::Result<Vec<Box<RawValue>>> {
    let (rows, separator, lines_before) = separated(text);
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .delimiter(separator)
        .flexible(true)
        .from_reader(rows.as_bytes());
    let columns = columns(reader.headers().map_err(|e| bad(&e))?, imports)?;
    let (mut tenants, mut mistakes) = (Vec::new(), Mistakes::default());
    for row in reader.records() {
        let row = row.map_err(|e| bad(&e))?;
        if row.iter().all(str::is_empty) {
            continue;
        }
        let line = lines_before + row.position().map_or(0, |position| line(rows, position));
        match tenant(&columns, &row) {
            Ok(tenant) => tenants.push(to_raw_value(&tenant)?),
            Err(what) => mistakes.add(line, &what),
        }
    }
    mistakes.none_or("correct these rows; nothing was submitted")?;
    Ok(tenants)
}

/// The rows of `text` from the header on, what separates their columns, and how many lines are before them.
/// The separator is what a line `sep=` says, else the one that the header has most of.
fn separated(text: &str) -> (&str, u8, u64) {
    let first = text.lines().next().unwrap_or_default();
    if let Some(separator) = named(first) {
        let rows = text[first.len()..].trim_start_matches('\r');
        let rows = rows.strip_prefix('\n').unwrap_or(rows);
        return (rows, separator, 1);
    }
    let count = |separator: &char| outside_quotes(first).filter(|c| c == separator).count();
    let most = SEPARATORS.iter().rev().max_by_key(|separator| count(separator));
    (text, most.map_or(b',', |separator| *separator as u8), 0)
}

/// The separator that a line `sep=;` names, as Excel writes and reads it.
fn named(line: &str) -> Option<u8> {
    let line = line.trim_end_matches('\r').trim_matches('"');
    let separator = line.strip_prefix("sep=").or_else(|| line.strip_prefix("SEP="))?;
    let mut characters = separator.chars();
    let first = characters.next().filter(char::is_ascii)?;
    characters.next().is_none().then_some(first as u8)
}

fn outside_quotes(line: &str) -> impl Iterator<Item = char> + '_ {
    let mut quoted = false;
    line.chars().filter(move |c| {
        quoted ^= *c == '"';
        !quoted
    })
}

/// The line of a row. Empty lines before it belong to its position, as the library counts.
fn line(rows: &str, position: &csv::Position) -> u64 {
    let start = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let rest = rows.as_bytes().get(start..).unwrap_or_default();
    let empty = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    let skipped = empty.filter(|byte| **byte == b'\n').count();
    position.line() + u64::try_from(skipped).unwrap_or(0)
}

fn columns(header: &csv::StringRecord, imports: bool) -> anyhow::Result<Vec<Column>> {
    let mut columns = Vec::new();
    for name in header {
        let of_import = || if imports { column_of_import(name) } else { None };
        let column =
            column(name).or_else(of_import).ok_or_else(|| unknown_column(name, imports))?;
        if columns.contains(&column) {
            return Err(Failure::usage(format!("the header has the column `{name}` twice")).into());
        }
        columns.push(column);
    }
    Ok(columns)
}

fn column(name: &str) -> Option<Column> {
    let entry = |prefix: &str| name.strip_prefix(prefix).filter(|rest| !rest.is_empty());
    if PLAIN.contains(&name) {
        Some(Column::Plain(name.to_owned()))
    } else if name == FEATURES {
        Some(Column::Features)
    } else if let Some(limit) = entry("settings.limits.") {
        Some(Column::Limit(limit.to_owned()))
    } else if let Some(key) = entry("labels.") {
        Some(Column::Label(key.to_owned()))
    } else {
        entry("settings.metadata.").map(|key| Column::Metadata(key.to_owned()))
    }
}

fn column_of_import(name: &str) -> Option<Column> {
    match name {
        "baseline" | "api_key_sha256" | "api_key_last4" => Some(Column::Plain(name.to_owned())),
        "suspended" => Some(Column::Flag(name.to_owned())),
        "allow_drift" => Some(Column::List(name.to_owned())),
        _ => None,
    }
}

fn unknown_column(name: &str, imports: bool) -> Failure {
    let more = if imports {
        ", baseline, suspended, allow_drift, api_key_sha256, api_key_last4"
    } else {
        ""
    };
    Failure::usage(format!("the header has an unknown column `{name}`")).advise(format!(
        "use {}{more}, {FEATURES}, settings.limits.<name>, settings.metadata.<name> or labels.<key>",
        PLAIN.join(", "),
    ))
}

/// The tenant of one row, or what is wrong with the row.
fn tenant(columns: &[Column], row: &csv::StringRecord) -> Result<Value, String> {
    if row.len() != columns.len() {
        let (has, wants) = (row.len(), columns.len());
        return Err(format!("the row has {has} columns, the header has {wants}"));
    }
    let mut tenant = json!({});
    for (column, cell) in columns.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
        match column {
            Column::Plain(name) => tenant[name] = cell.into(),
            Column::Flag(name) => {
                let flag: bool = cell.parse().map_err(|_| format!("`{name}` is true or false"))?;
                tenant[name] = flag.into();
            }
            Column::List(name) => tenant[name] = list(cell),
            Column::Features => tenant["settings"]["features"] = list(cell),
            Column::Limit(name) => {
                let not_whole =
                    |_| format!("settings.limits.{name} is `{cell}`, not a whole number");
                let number: i64 = cell.parse().map_err(not_whole)?;
                tenant["settings"]["limits"][name] = number.into();
            }
            Column::Metadata(name) => tenant["settings"]["metadata"][name] = cell.into(),
            Column::Label(key) => tenant["labels"][key] = cell.into(),
        }
    }
    Ok(tenant)
}

fn list(cell: &str) -> Value {
    cell.split([';', '|', ',']).map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn bad(error: &csv::Error) -> Failure {
    Failure::usage(format!("not a valid CSV file: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Value> {
        let tenants = parse(text, false).unwrap();
        tenants.iter().map(|tenant| serde_json::from_str(tenant.get()).unwrap()).collect()
    }

    #[test]
    fn builds_settings_from_dotted_columns() {
        let text = "tenant_name,domain,settings.features,settings.limits.users,\
                    settings.metadata.plan,labels.tier\nAcme,acme.example,sso; audit,25,gold,one\n";

        let tenants = read(text);

        assert_eq!(
            tenants,
            [json!({
                "tenant_name": "Acme",
                "domain": "acme.example",
                "settings": {
                    "features": ["sso", "audit"],
                    "limits": {"users": 25},
                    "metadata": {"plan": "gold"},
                },
                "labels": {"tier": "one"},
            })]
        );
    }

    #[test]
    fn an_empty_cell_is_not_given() {
        let tenants = read("tenant_name,domain,schema_name\nAcme,acme.example,\n");

        assert_eq!(tenants, [json!({"tenant_name": "Acme", "domain": "acme.example"})]);
    }

    #[test]
    fn keeps_commas_and_quotes_inside_a_quoted_cell() {
        let tenants = read("tenant_name,domain\n\"Ann \"\"A\"\" Lee, Inc.\",a.example\n");

        assert_eq!(tenants[0]["tenant_name"], "Ann \"A\" Lee, Inc.");
    }

    #[test]
    fn names_an_unknown_column_a_double_one_and_a_short_row() {
        for (text, told) in [
            ("tenant_name,domian\nA,a.example\n", "domian"),
            ("tenant_name,tenant_name\nA,B\n", "twice"),
            ("tenant_name,domain\nA\n", "the row has 1 columns, the header has 2"),
        ] {
            let error = parse(text, false).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn reads_semicolons_tabs_and_a_line_that_names_the_separator() {
        for text in [
            "tenant_name;domain;settings.features\nAcme, Inc.;a.example;sso|audit\n",
            "tenant_name\tdomain\tsettings.features\nAcme, Inc.\ta.example\tsso;audit\n",
            "sep=;\r\ntenant_name;domain;settings.features\r\nAcme, Inc.;a.example;\"sso;audit\"\r\n",
        ] {
            let tenants = read(text);

            let features = json!({ "features": ["sso", "audit"] });
            let acme = json!({ "tenant_name": "Acme, Inc.", "domain": "a.example",
                "settings": features });
            assert_eq!(tenants, [acme], "{text}");
        }
    }

    #[test]
    fn skips_rows_without_a_text() {
        let tenants = read("tenant_name,domain\nA,a.example\n,\n , \n,,,\nB,b.example\n\n");

        assert_eq!(tenants.len(), 2);
    }

    #[test]
    fn tells_all_bad_rows_at_once_with_their_lines() {
        let text = "sep=,\ntenant_name,settings.limits.users\nA,many\nB,7\nC\n\nD,1.5\n";

        let told = parse(text, false).unwrap_err().to_string();

        let lines: Vec<&str> = told.lines().map(str::trim).collect();
        assert_eq!(lines.len(), 4, "{told}");
        assert!(lines[1].starts_with("line 3: settings.limits.users is `many`"), "{told}");
        assert!(lines[2].starts_with("line 5: the row has 1 columns"), "{told}");
        assert!(lines[3].starts_with("line 7: settings.limits.users is `1.5`"), "{told}");
    }

    #[test]
    fn takes_what_the_header_has_most_of() {
        for (text, separator) in [
            ("tenant_name,domain\n", b','),
            ("tenant_name;domain\n", b';'),
            ("tenant_name\tdomain\n", b'\t'),
            ("\"a;b;c\",domain\n", b','),
            ("tenant_name\n", b','),
            ("", b','),
        ] {
            assert_eq!(separated(text), (text, separator, 0), "{text}");
        }
    }

    #[test]
    fn takes_what_a_line_of_its_own_says() {
        for text in ["sep=;\na,b", "sep=;\r\na,b", "\"sep=;\"\na,b"] {
            assert_eq!(separated(text), ("a,b", b';', 1));
        }
    }
}
