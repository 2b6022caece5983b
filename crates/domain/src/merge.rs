//! JSON merge patches (RFC 7396) on texts: no number loses a digit.

use std::collections::BTreeMap;

use serde_json::value::{RawValue, to_raw_value};

/// `target` with `patch` over it: an object's fields one by one, `null` takes a field away, anything else
/// replaces what was there.
///
/// # Errors
/// When one of them is not JSON.
pub(crate) fn merged(
    target: Option<&RawValue>,
    patch: &RawValue,
) -> serde_json::Result<Box<RawValue>> {
    if !patch.get().starts_with('{') {
        return Ok(patch.to_owned());
    }
    let changes: BTreeMap<String, &RawValue> = serde_json::from_str(patch.get())?;
    let target = target.map(RawValue::get).filter(|target| target.starts_with('{'));
    let mut fields: BTreeMap<String, Box<RawValue>> = match target {
        Some(target) => serde_json::from_str(target)?,
        None => BTreeMap::new(),
    };
    for (name, change) in changes {
        if change.get() == "null" {
            fields.remove(&name);
        } else {
            let merged = merged(fields.get(&name).map(|field| &**field), change)?;
            fields.insert(name, merged);
        }
    }
    to_raw_value(&fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(target: &str, patch: &str) -> String {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        merged(Some(&raw(target)), &raw(patch)).unwrap().get().to_owned()
    }

    /// The table of RFC 7396, appendix A.
    #[test]
    fn does_what_the_standard_says() {
        for (target, patch, result) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
            (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
            (r#"{"a":"foo"}"#, "null", "null"),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"a":1,"e":null}"#),
            ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            assert_eq!(of(target, patch), result, "{target} {patch}");
        }
    }

    #[test]
    fn keeps_every_digit() {
        let kept = of(r#"{"a":12345678901234567890123,"b":1.10}"#, r#"{"c":{"d":1e300}}"#);

        assert_eq!(kept, r#"{"a":12345678901234567890123,"b":1.10,"c":{"d":1e300}}"#);
    }
}
