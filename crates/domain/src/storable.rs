//! What PostgreSQL's `jsonb` can hold: all of JSON but U+0000.
//!
//! One NUL in one item would make the whole submission's INSERT fail, and so harm the others.

use serde_json::{Map, Value};

/// Whether `jsonb` would take `value`.
pub(crate) fn is_storable(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.contains('\0'),
        Value::Array(values) => values.iter().all(is_storable),
        Value::Object(fields) => {
            fields.iter().all(|(key, value)| !key.contains('\0') && is_storable(value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

/// `value` with every U+0000 replaced by U+FFFD, so that what was refused can still be recorded.
pub(crate) fn storable(value: Value) -> Value {
    if is_storable(&value) { value } else { replaced(value) }
}

fn replaced(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace('\0', "\u{fffd}")),
        Value::Array(values) => values.into_iter().map(replaced).collect(),
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(key, value)| (key.replace('\0', "\u{fffd}"), replaced(value)))
                .collect::<Map<_, _>>(),
        ),
        plain => plain,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn replaces_nul_at_every_depth_and_nothing_else() {
        let hostile = json!({"a\0": ["x\0y", {"b": "\0"}], "n": 1, "t": "tab\t"});

        assert!(!is_storable(&hostile));
        let stored = storable(hostile);

        assert!(is_storable(&stored));
        let fffd = "\u{fffd}";
        let expected = json!({
            format!("a{fffd}"): [format!("x{fffd}y"), {"b": fffd}], "n": 1, "t": "tab\t"
        });
        assert_eq!(stored, expected);
    }
}
