use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn read(kind: Kind, body: &str) -> Result<SentBatch, Problem> {
    let (tenants, how) = match kind {
        Kind::Json => object(body.into(), 3)?,
        Kind::Ndjson => {
            let mut lines = Lines::new(3);
            lines.text.extend_from_slice(body.as_bytes());
            (lines.finish()?, How::default())
        }
    };
    batch(tenants, how, How::default())
}

fn tenants(batch: &SentBatch) -> Vec<Value> {
    batch.tenants.from(0).map(|text| serde_json::from_str(text).unwrap()).collect()
}

fn refused(kind: Kind, body: &str) -> (u16, String) {
    let problem = read(kind, body).unwrap_err();
    (problem.status().as_u16(), problem.code().to_owned())
}

#[test]
fn reads_a_document_and_lines_alike() {
    let document = read(Kind::Json, r#"{"tenants": [{"a": 1}, 2], "mode": null}"#).unwrap();
    let lines = read(Kind::Ndjson, "{\"a\": 1}\r\n\n  2  \n").unwrap();

    assert_eq!(tenants(&document), [serde_json::json!({"a": 1}), 2.into()]);
    assert_eq!(tenants(&document), tenants(&lines));
    assert_eq!(document.mode, Mode::Independent);
}

#[test]
fn names_the_place_that_is_not_json_as_deep_as_it_may_be() {
    for (body, place) in [
        ("{\"tenants\": [\n{\"a\": }]}", "line 2, column 7"),
        ("{\"tenants\": [1e999]}", "line 1, column 18"),
        ("{\"tenants\": [\"\\ud800\"]}", "line 1, column 21"),
    ] {
        let problem = read(Kind::Json, body).unwrap_err();

        let text = format!("{problem:?}");
        assert_eq!(
            text,
            format!("{:?}", Problem::not_json(&serde_json::from_str::<Value>(body).unwrap_err()))
        );
        assert!(text.contains(place), "{text}");
    }
}

#[test]
fn takes_the_fields_in_any_order() {
    let body = r#" {"mode": "atomic", "tenants": [ {"a": "\ud83d\ude00"} , [2]]} "#;

    let batch = read(Kind::Json, body).unwrap();

    assert_eq!(batch.mode, Mode::Atomic);
    assert_eq!(tenants(&batch), [serde_json::json!({"a": "\u{1f600}"}), serde_json::json!([2])]);
}

#[test]
fn refuses_each_other_form_with_its_own_code() {
    for (body, status, code) in [
        ("{", 400, "malformed_json"),
        ("[]", 422, "invalid_field"),
        ("{}", 422, "missing_field"),
        (r#"{"tenants": {}}"#, 422, "invalid_field"),
        (r#"{"tenants": []}"#, 422, "empty_batch"),
        (r#"{"tenants": [1], "tenant": 2}"#, 422, "unknown_field"),
        (r#"{"tenants": [1], "tenants": [1]}"#, 422, "repeated_field"),
        (r#"{"mode": "atomic", "tenants": [1], "m\u006fde": null}"#, 422, "repeated_field"),
        (r#"{"tenants": [1], "mode": 7}"#, 422, "invalid_mode"),
        (r#"{"tenants": [1], "run_at": 1893456000}"#, 422, "invalid_run_at"),
        (r#"{"tenants": [1], "run_at": "soon"}"#, 422, "invalid_run_at"),
        (r#"{"tenants": [1], "mode": "both"}"#, 422, "invalid_mode"),
        (r#"{"tenants": [1, 2, 3, 4]}"#, 413, "too_many_tenants"),
    ] {
        assert_eq!(refused(Kind::Json, body), (status, code.to_owned()), "{body}");
    }
    assert_eq!(refused(Kind::Ndjson, "1\n2\n3\n4").0, 413);
    assert_eq!(refused(Kind::Ndjson, "\n \n").1, "empty_batch");
}

#[test]
fn what_the_body_says_counts_before_the_query() {
    let query = || How {
        mode: Some("atomic".into()),
        run_at: Some("2030-01-01T00:00:00Z".into()),
        dry_run: false,
    };
    let read = |body: &[u8]| {
        let (tenants, how) = object(body.to_vec(), 3).unwrap();
        batch(tenants, how, query()).unwrap()
    };

    let silent = read(br#"{"tenants": [1]}"#);
    let outspoken =
        read(br#"{"tenants": [1], "mode": "independent", "run_at": "2031-01-01T00:00:00Z"}"#);

    assert_eq!(silent.mode, Mode::Atomic);
    assert_eq!(outspoken.mode, Mode::Independent);
    assert!(silent.run_at < outspoken.run_at);
}

proptest! {
    #[test]
    fn never_panics_and_never_takes_more_than_allowed(body in ".{0,64}") {
        for kind in [Kind::Json, Kind::Ndjson] {
            if let Ok(batch) = read(kind, &body) {
                prop_assert!((1..=3).contains(&batch.tenants.len()));
            }
        }
    }
}

/// The tenants of `text`, arrived in pieces of `size` bytes, each read at once.
fn read_lines(text: &str, size: usize, most: usize) -> Result<Vec<Value>, Problem> {
    let mut lines = Lines::new(most);
    for piece in text.as_bytes().chunks(size) {
        lines.text.extend_from_slice(piece);
        lines.read()?;
    }
    Ok(lines.finish()?.from(0).map(|text| serde_json::from_str(text).unwrap()).collect())
}

#[test]
fn reads_lines_however_they_are_cut() {
    let text = "{\"a\": \"bücher, 雪\"}\r\n\n  [2] \n\"\u{1f600}\"";
    let whole = [json!({"a": "bücher, 雪"}), json!([2]), json!("\u{1f600}")];

    for size in 1..=text.len() {
        assert_eq!(read_lines(text, size, 3).unwrap(), whole, "{size}");
    }
    assert!(read_lines("\n \n", 1, 3).unwrap().is_empty());
}

#[test]
fn names_the_line_that_is_not_json() {
    let problem = read_lines("{}\n\n{\"a\": }\n", 4, 3).unwrap_err();

    let text = format!("{problem:?}");
    assert_eq!((problem.status().as_u16(), problem.code()), (400, "malformed_json"));
    assert!(text.contains("line 3, column 7"), "{text}");
}

#[test]
fn needs_not_all_of_it_to_see_what_is_wrong() {
    let refused = |text: &str| {
        let mut lines = Lines::new(2);
        lines.text.extend_from_slice(text.as_bytes());
        lines.read().map_err(|problem| problem.code().to_owned())
    };

    assert_eq!(refused("{}\n{}\n{"), Ok(()));
    assert_eq!(refused("{}\n{}\n{}\n"), Err("too_many_tenants".to_owned()));
    assert_eq!(refused("{]\n{"), Err("malformed_json".to_owned()));
}

#[test]
fn looks_at_no_byte_twice_for_the_end_of_a_line() {
    let mut lines = Lines::new(1);
    lines.text.extend_from_slice(b"[1,");
    lines.read().unwrap();
    lines.text.extend_from_slice(b"2]");

    assert_eq!(lines.unread(), 2);
    assert_eq!(lines.finish().unwrap().len(), 1);
}

proptest! {
    #[test]
    fn pieces_make_no_difference(text in "[\\[\\]0-9, \n\r]{0,40}", size in 1..8usize) {
        let in_pieces = read_lines(&text, size, 3).map_err(|p| format!("{p:?}"));

        prop_assert_eq!(in_pieces, read_lines(&text, 64, 3).map_err(|p| format!("{p:?}")));
    }
}

#[test]
fn gives_them_from_any_on() {
    let slices = Slices::new(b"1, [2],{}".to_vec(), vec![0..1, 3..6, 7..9]);

    let from = |from| slices.from(from).collect::<Vec<_>>();

    assert_eq!(from(0), ["1", "[2]", "{}"]);
    assert_eq!(from(2), ["{}"]);
    assert!(from(3).is_empty() && slices.len() == 3);
}

#[test]
fn one_text_can_be_one_document() {
    let slices = Slices::one(b" [1] ".to_vec(), None);

    assert_eq!(slices.from(0).collect::<Vec<_>>(), [" [1] "]);
}
