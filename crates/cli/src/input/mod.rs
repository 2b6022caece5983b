//! Reads a file of tenants: JSON, NDJSON or CSV. Only the form is checked here; whether a name or
//! domain will do is the API's business, so that there is one answer to it.

mod bad_rows;
mod csv_rows;
mod mistakes;

use std::{io::Read as _, path::Path};

use anyhow::Context as _;
use clap::ValueEnum;
use contract::BatchRequest;
use domain::Fields;
use serde_json::value::RawValue;

pub(crate) use self::bad_rows::write as write_rows;
use self::mistakes::Mistakes;
use crate::failure::Failure;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// `{"tenants": […]}` as the API takes it, an array of tenants, or one tenant
    Json,
    /// One tenant a line
    Ndjson,
    /// A header line, then one tenant a line, with commas, semicolons or tabs
    Csv,
}

/// A batch of `tenants`: the file names neither a mode nor a start.
fn of(tenants: Vec<Box<RawValue>>) -> BatchRequest {
    BatchRequest { tenants, mode: None, run_at: None }
}

/// Reads `file` (`-` = standard input) as `format`, else as its name's ending says.
pub(crate) fn read(file: &Path, format: Option<Format>) -> anyhow::Result<BatchRequest> {
    read_as(file, format, parse)
}

/// The same of schemas that are to be imported.
pub(crate) fn read_imports(
    file: &Path,
    format: Option<Format>,
) -> anyhow::Result<Vec<Box<RawValue>>> {
    let read = read_as(file, format, |text, format| match format {
        Format::Csv => csv_rows::parse(text.strip_prefix('\u{feff}').unwrap_or(text), true).map(of),
        _ => parse(text, format),
    })?;
    if read.mode.is_some() || read.run_at.is_some() {
        return Err(Failure::usage("an import has `tenants` alone").into());
    }
    Ok(read.tenants)
}

fn read_as(
    file: &Path,
    format: Option<Format>,
    parse: impl FnOnce(&str, Format) -> anyhow::Result<BatchRequest>,
) -> anyhow::Result<BatchRequest> {
    let format = format.or_else(|| by_name(file)).ok_or_else(|| {
        Failure::usage(format!("the name of {} does not tell its format", shown(file)))
            .advise("pass --format json, ndjson or csv")
    })?;
    let text = text_of(file)?;
    let submission =
        parse(&text, format).with_context(|| format!("could not read {}", shown(file)))?;
    if submission.tenants.is_empty() {
        return Err(Failure::usage(format!("{} has no tenants in it", shown(file))).into());
    }
    Ok(submission)
}

pub(crate) fn parse(text: &str, format: Format) -> anyhow::Result<BatchRequest> {
    // Spreadsheets put a byte order mark first.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match format {
        Format::Json => json(text),
        Format::Ndjson => ndjson(text).map(of),
        Format::Csv => csv_rows::parse(text, false).map(of),
    }
}

fn json(text: &str) -> anyhow::Result<BatchRequest> {
    let document: Box<RawValue> = serde_json::from_str(text)
        .map_err(|e| Failure::usage(format!("not valid JSON: {e}")).advise(json_advice(text)))?;
    if let Some(tenants) = list(&document) {
        return Ok(of(tenants));
    }
    let Some(body) = Fields::of(document.get()) else {
        return Err(Failure::usage("not a JSON object or array")
            .advise(r#"write {"tenants": [{"tenant_name": "…", "domain": "…"}]}"#)
            .into());
    };
    match body.get("tenants") {
        None => Ok(of(vec![document])),
        Some(tenants) => match list(tenants) {
            Some(tenants) => beside(tenants, &body),
            None => Err(Failure::usage("`tenants` is not an array").into()),
        },
    }
}

/// The elements of `text`, if it is an array.
fn list(text: &RawValue) -> Option<Vec<Box<RawValue>>> {
    serde_json::from_str(text.get()).ok()
}

fn beside(tenants: Vec<Box<RawValue>>, body: &Fields<'_>) -> anyhow::Result<BatchRequest> {
    if let Some(name) = body.repeated() {
        return Err(Failure::usage(format!("`{name}` is there twice")).into());
    }
    if let Some(unknown) = body.names().find(|name| !["tenants", "mode", "run_at"].contains(name)) {
        return Err(Failure::usage(format!("unknown field `{unknown}` beside `tenants`")).into());
    }
    Ok(BatchRequest { tenants, mode: text_in(body, "mode")?, run_at: text_in(body, "run_at")? })
}

fn text_in(body: &Fields<'_>, name: &str) -> anyhow::Result<Option<String>> {
    let Some(field) = body.get(name) else { return Ok(None) };
    serde_json::from_str(field.get())
        .map_err(|_| Failure::usage(format!("`{name}` is not a string")).into())
}

fn json_advice(text: &str) -> &'static str {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let is_object = |line: Option<&str>| line.is_some_and(|line| Fields::of(line).is_some());
    if is_object(lines.next()) && is_object(lines.next()) {
        "one tenant a line is NDJSON: pass --format ndjson"
    } else {
        "correct it there, or pass --format if it is not JSON"
    }
}

fn ndjson(text: &str) -> anyhow::Result<Vec<Box<RawValue>>> {
    let (mut tenants, mut mistakes) = (Vec::new(), Mistakes::default());
    for (line, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty()) {
        match serde_json::from_str(text) {
            Ok(tenant) => tenants.push(tenant),
            Err(error) => mistakes.add(line, &format!("not valid JSON: {error}")),
        }
    }
    mistakes.none_or("NDJSON has one whole JSON object on each line")?;
    Ok(tenants)
}

fn by_name(file: &Path) -> Option<Format> {
    match file.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "json" => Some(Format::Json),
        "ndjson" | "jsonl" => Some(Format::Ndjson),
        "csv" => Some(Format::Csv),
        _ => None,
    }
}

/// The text of `file` (`-` = standard input), whatever is in it.
pub(crate) fn text_of(file: &Path) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().read_to_end(&mut bytes).context("could not read standard input")?;
    } else {
        bytes = std::fs::read(file).map_err(|e| {
            Failure::usage(format!("could not read {}: {e}", shown(file)))
                .advise("look at the path; `-` reads standard input")
        })?;
    }
    decoded(bytes, file)
}

/// The text in `bytes`, which must be UTF-8: others cannot be told apart for sure.
fn decoded(bytes: Vec<u8>, file: &Path) -> anyhow::Result<String> {
    let utf_16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    // Every other byte of English in UTF-16 is 0, also without a mark at its beginning.
    let utf_16 = utf_16 || bytes.iter().take(2).any(|byte| *byte == 0);
    match String::from_utf8(bytes) {
        Ok(text) if !utf_16 => Ok(text),
        _ => {
            let encoding = if utf_16 { "is UTF-16, not UTF-8" } else { "is not UTF-8" };
            Err(Failure::usage(format!("{} {encoding}", shown(file)))
                .advise("save it as UTF-8; Excel calls that `CSV UTF-8 (comma delimited)`")
                .into())
        }
    }
}

fn shown(file: &Path) -> String {
    if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn tenants(read: &BatchRequest) -> Vec<Value> {
        read.tenants.iter().map(|tenant| serde_json::from_str(tenant.get()).unwrap()).collect()
    }

    #[test]
    fn a_number_keeps_its_digits_in_every_form() {
        let tenant = r#"{"settings":{"metadata":{"n":12345678901234567890123.10}}}"#;

        for (text, format) in [
            (format!(r#"{{"tenants": [ {tenant} ]}}"#), Format::Json),
            (format!("[{tenant}]"), Format::Json),
            (tenant.to_owned(), Format::Json),
            (format!("{tenant}\n"), Format::Ndjson),
        ] {
            assert_eq!(parse(&text, format).unwrap().tenants[0].get(), tenant);
        }
    }

    #[test]
    fn takes_json_as_the_api_does() {
        let body = r#"{"tenants":[{"tenant_name":"A","domain":"a.example"}],"mode":"atomic"}"#;

        let read = parse(body, Format::Json).unwrap();

        assert_eq!(tenants(&read), [json!({"tenant_name": "A", "domain": "a.example"})]);
        assert_eq!(read.mode.as_deref(), Some("atomic"));
    }

    #[test]
    fn takes_a_time_to_start_that_is_a_text() {
        let at = parse(r#"{"tenants":[1],"run_at":"2030-01-01T00:00:00Z"}"#, Format::Json);
        let number = parse(r#"{"tenants":[1],"run_at":1893456000}"#, Format::Json).unwrap_err();

        assert_eq!(at.unwrap().run_at.as_deref(), Some("2030-01-01T00:00:00Z"));
        assert!(number.to_string().contains("run_at"), "{number}");
    }

    #[test]
    fn takes_a_bare_array_and_a_single_tenant() {
        let array = parse(r#"[{"tenant_name":"A"},{"tenant_name":"B"}]"#, Format::Json).unwrap();
        let single = parse(r#"{"tenant_name":"A"}"#, Format::Json).unwrap();

        assert_eq!(array.tenants.len(), 2);
        assert_eq!(tenants(&single), [json!({"tenant_name": "A"})]);
    }

    #[test]
    fn refuses_a_field_it_would_have_to_drop() {
        let told = parse(r#"{"tenants":[],"modus":"atomic"}"#, Format::Json).unwrap_err();

        assert!(told.to_string().contains("modus"), "{told}");
    }

    #[test]
    fn refuses_a_field_that_is_there_twice() {
        for twice in
            [r#"{"tenants":[1],"tenants":[2]}"#, r#"{"mode":"a","tenants":[1],"mode":"b"}"#]
        {
            let told = parse(twice, Format::Json).unwrap_err();

            assert!(told.to_string().contains("is there twice"), "{twice}: {told}");
        }
    }

    #[test]
    fn skips_empty_lines_of_ndjson_and_names_a_bad_one() {
        let good = parse("{\"tenant_name\":\"A\"}\n\n{\"tenant_name\":\"B\"}\n", Format::Ndjson);
        let bad = parse("{\"tenant_name\":\"A\"}\n\n{oops\n", Format::Ndjson).unwrap_err();

        assert_eq!(good.unwrap().tenants.len(), 2);
        assert!(bad.to_string().starts_with("line 3: not valid JSON"), "{bad}");
    }

    #[test]
    fn ndjson_under_a_json_name_is_recognised() {
        let lines = "{\"tenant_name\":\"A\"}\n{\"tenant_name\":\"B\"}\n";

        let told = format!("{:?}", parse(lines, Format::Json).unwrap_err());

        assert!(json_advice(lines).contains("--format ndjson"), "{told}");
    }

    #[test]
    fn drops_the_byte_order_mark_of_spreadsheets() {
        let read = parse("\u{feff}tenant_name,domain\nA,a.example\n", Format::Csv).unwrap();

        assert_eq!(tenants(&read), [json!({"tenant_name": "A", "domain": "a.example"})]);
    }

    #[test]
    fn a_file_in_utf_16_is_refused_with_what_to_do() {
        let little: Vec<u8> = "\u{feff}tenant".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let bare: Vec<u8> = "tenant".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let latin_1 = b"tenant_name,domain\nCaf\xe9,a.example\n".to_vec();

        for (bytes, told) in [(little, "UTF-16"), (bare, "UTF-16"), (latin_1, "is not UTF-8")] {
            let error = decoded(bytes, Path::new("x.csv")).unwrap_err();
            assert!(error.to_string().contains(told), "{error}");
            let advice = format!("{:?}", error.downcast_ref::<Failure>());
            assert!(advice.contains("CSV UTF-8"), "{advice}");
        }
    }

    #[test]
    fn knows_the_format_by_the_name() {
        assert_eq!(by_name(Path::new("x/tenants.CSV")), Some(Format::Csv));
        assert_eq!(by_name(Path::new("tenants.jsonl")), Some(Format::Ndjson));
        assert_eq!(by_name(Path::new("-")), None);
    }
}
