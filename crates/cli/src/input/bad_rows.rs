//! Writes tenants as the rows of a CSV file that `submit` takes when they are corrected.

use std::{collections::BTreeMap, fs::File, path::Path};

use anyhow::Context as _;
use serde_json::{Map, Value, value::RawValue};

use super::csv_rows::{FEATURES, PLAIN};

/// Fields with columns for their parts.
const PARTS: [&str; 4] = ["settings", "settings.limits", "settings.metadata", "labels"];

/// Writes `tenants`, one a row. What has no column of its own gets one with its name, so nothing is lost.
pub(crate) fn write(file: &Path, tenants: &[&RawValue]) -> anyhow::Result<()> {
    let could_not = || format!("could not write {}", file.display());
    let out = File::create(file).with_context(could_not)?;
    write_to(out, tenants).with_context(could_not)
}

fn write_to(out: impl std::io::Write, tenants: &[&RawValue]) -> anyhow::Result<()> {
    let rows: Vec<BTreeMap<String, String>> = tenants.iter().map(|tenant| cells(tenant)).collect();
    let mut columns: Vec<&str> = PLAIN.to_vec();
    let others = rows.iter().flat_map(|row| row.keys()).map(String::as_str);
    let others = others.filter(|name| !PLAIN.contains(name));
    columns.extend(others.collect::<std::collections::BTreeSet<_>>());
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(&columns)?;
    for row in &rows {
        writer
            .write_record(columns.iter().map(|name| row.get(*name).map_or("", String::as_str)))?;
    }
    writer.flush()?;
    Ok(())
}

fn cells(tenant: &RawValue) -> BTreeMap<String, String> {
    let mut cells = BTreeMap::new();
    match serde_json::from_str(tenant.get()) {
        Ok(Value::Object(fields)) => fill(&mut cells, "", fields),
        _ => _ = cells.insert(PLAIN[0].to_owned(), tenant.get().to_owned()),
    }
    cells
}

/// Adds a cell for each of `fields`, whose columns begin with `prefix`.
fn fill(cells: &mut BTreeMap<String, String>, prefix: &str, fields: Map<String, Value>) {
    for (name, value) in fields {
        let name = format!("{prefix}{name}");
        let cell = match value {
            Value::Null => continue,
            Value::Object(fields) if PARTS.contains(&name.as_str()) => {
                fill(cells, &format!("{name}."), fields);
                continue;
            }
            Value::Array(words) if name == FEATURES => {
                words.into_iter().map(text).collect::<Vec<_>>().join("|")
            }
            other => text(other),
        };
        cells.insert(name, cell);
    }
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read_again() {
        let csv = "tenant_name,domain,external_id,settings.features,settings.limits.users,settings.metadata.plan,labels.tier\n\
                   \"Acme, Inc.\",a.example,7,sso|audit,25,gold,one\nBeta,b.example,,,,,\n";
        let read = super::super::csv_rows::parse(csv, false).unwrap();
        let tenants: Vec<&RawValue> = read.iter().map(|tenant| &**tenant).collect();
        let mut written = Vec::new();

        write_to(&mut written, &tenants).unwrap();

        let written = String::from_utf8(written).unwrap();
        let again = super::super::csv_rows::parse(&written, false).unwrap();
        let texts = |of: &[Box<RawValue>]| -> Vec<String> {
            of.iter().map(|tenant| tenant.get().to_owned()).collect()
        };
        assert_eq!(texts(&again), texts(&read), "{written}");
    }

    #[test]
    fn a_field_that_no_tenant_has_is_not_lost() {
        let tenant: Box<RawValue> =
            serde_json::from_str(r#"{"tenant_name": "A", "modus": [1], "settings": {"x": true}}"#)
                .unwrap();
        let mut written = Vec::new();

        write_to(&mut written, &[&tenant]).unwrap();

        let written = String::from_utf8(written).unwrap();
        assert_eq!(
            written,
            "tenant_name,domain,schema_name,description,external_id,modus,settings.x\n\
             A,,,,,[1],true\n"
        );
    }
}
