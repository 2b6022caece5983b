//! Tenants as a spreadsheet writes them.
//!
//! `settings.features` is a list (`a;b`), `settings.limits.<name>` a whole number,
//! `settings.metadata.<name>` a text. An empty cell means "not given".

use serde_json::{
    Map, Value,
    value::{RawValue, to_raw_value},
};

use crate::failure::Failure;

const PLAIN: [&str; 5] = ["tenant_name", "domain", "schema_name", "description", "external_id"];

const FEATURES: &str = "settings.features";

/// What a column fills.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Column {
    Plain(String),
    Features,
    Limit(String),
    Metadata(String),
}

/// One tenant for each row of `text`.
pub(super) fn parse(text: &str) -> anyhow::Result<Vec<Box<RawValue>>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let columns = columns(reader.headers().map_err(|e| bad(&e))?)?;
    let mut tenants = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|e| bad(&e))?;
        let line = row.position().map_or(0, csv::Position::line);
        tenants.push(to_raw_value(&tenant(&columns, &row, line)?)?);
    }
    Ok(tenants)
}

fn columns(header: &csv::StringRecord) -> anyhow::Result<Vec<Column>> {
    let mut columns = Vec::new();
    for name in header {
        let column = column(name).ok_or_else(|| unknown_column(name))?;
        if columns.contains(&column) {
            return Err(Failure::usage(format!("column `{name}` is there twice")).into());
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
    } else {
        entry("settings.metadata.").map(|key| Column::Metadata(key.to_owned()))
    }
}

fn unknown_column(name: &str) -> Failure {
    Failure::usage(format!("the header has an unknown column `{name}`")).advise(format!(
        "use {}, {FEATURES}, settings.limits.<name> or settings.metadata.<name>",
        PLAIN.join(", "),
    ))
}

fn tenant(columns: &[Column], row: &csv::StringRecord, line: u64) -> anyhow::Result<Value> {
    let mut tenant = Map::new();
    for (column, cell) in columns.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
        match column {
            Column::Plain(name) => _ = tenant.insert(name.clone(), cell.into()),
            Column::Features => _ = settings(&mut tenant).insert("features".into(), list(cell)),
            Column::Limit(name) => {
                let number: i64 = cell.parse().map_err(|_| not_whole(line, name, cell))?;
                below(settings(&mut tenant), "limits").insert(name.clone(), number.into());
            }
            Column::Metadata(name) => {
                below(settings(&mut tenant), "metadata").insert(name.clone(), cell.into());
            }
        }
    }
    Ok(Value::Object(tenant))
}

fn settings(tenant: &mut Map<String, Value>) -> &mut Map<String, Value> {
    below(tenant, "settings")
}

fn below<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    map.entry(key)
        .or_insert_with(|| Value::Object(Map::new()))
        .as_object_mut()
        .expect("only objects are put there")
}

fn list(cell: &str) -> Value {
    cell.split([';', '|', ',']).map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn not_whole(line: u64, name: &str, cell: &str) -> Failure {
    Failure::usage(format!("line {line}: settings.limits.{name} is `{cell}`, not a whole number"))
}

fn bad(error: &csv::Error) -> Failure {
    Failure::usage(format!("it is no CSV: {error}")).advise("every row needs the header's columns")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Vec<Value> {
        let tenants = parse(text).unwrap();
        tenants.iter().map(|tenant| serde_json::from_str(tenant.get()).unwrap()).collect()
    }

    #[test]
    fn builds_settings_from_dotted_columns() {
        let text = "tenant_name,domain,settings.features,settings.limits.users,\
                    settings.metadata.plan\nAcme,acme.example,sso; audit,25,gold\n";

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
            ("tenant_name,domain\nA\n", "no CSV"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn names_the_line_of_a_limit_that_is_no_number() {
        let text = "tenant_name,settings.limits.users\nA,5\nB,many\n";

        let error = parse(text).unwrap_err().to_string();

        assert!(error.starts_with("line 3:"), "{error}");
    }
}
