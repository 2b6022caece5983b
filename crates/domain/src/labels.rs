//! Labels: pairs of key and value that callers mark tenants with and select them by.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use crate::{
    FieldError, FieldErrors, codes,
    fields::{Fields, tree},
    pointer_step,
};

/// Most labels of a tenant.
const MOST: usize = 32;

/// Longest key and longest value, in characters.
const LONGEST: usize = 63;

/// The labels of a tenant: at most 32. A key is `[a-z0-9]`, with `._/-` inside, of at most 63 characters; a
/// value has at most 63 characters, none of them control ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(BTreeMap<String, String>);

/// A change of labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LabelsPatch {
    /// Whether it begins with none.
    pub(crate) clears: bool,
    /// What each key is to say; `None`: the key goes.
    pub(crate) pairs: BTreeMap<String, Option<String>>,
}

impl Labels {
    /// The labels that a new tenant asks for, with pointers from the tenant (`/labels/…`).
    pub(crate) fn resolve(asked: Option<&RawValue>) -> Result<Self, FieldErrors> {
        let Some(asked) = asked else { return Ok(Self::default()) };
        let patch = LabelsPatch::parse(asked)?;
        let nothing: Vec<_> = patch.pairs.iter().filter(|(_, value)| value.is_none()).collect();
        let mut errors = FieldErrors::default();
        for (key, _) in nothing {
            errors.push(|| FieldError::wrong_type(&pointer(key), "a string"));
        }
        if errors.is_empty() { Self::default().patched(&patch) } else { Err(errors) }
    }

    /// These labels with `patch` over them.
    pub(crate) fn patched(&self, patch: &LabelsPatch) -> Result<Self, FieldErrors> {
        let mut labels = if patch.clears { Self::default() } else { self.clone() };
        for (key, value) in &patch.pairs {
            match value {
                Some(value) => drop(labels.0.insert(key.clone(), value.clone())),
                None => drop(labels.0.remove(key)),
            }
        }
        if labels.0.len() > MOST {
            let message = format!("a tenant has at most {MOST} labels");
            return Err(FieldError::new("/labels", &codes::INVALID_LABEL, message).into());
        }
        Ok(labels)
    }

    /// Each key with its value.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

impl LabelsPatch {
    /// The change that `sent` asks for; `null` takes all labels away.
    pub(crate) fn parse(sent: &RawValue) -> Result<Self, FieldErrors> {
        if sent.get() == "null" {
            return Ok(Self { clears: true, ..Self::default() });
        }
        let Some(fields) = Fields::of(sent.get()) else {
            return Err(FieldError::wrong_type("/labels", "an object").into());
        };
        let (mut patch, mut errors) = (Self::default(), FieldErrors::default());
        if let Some(twice) = fields.repeated() {
            let message = "labels has a key twice";
            errors.push(|| FieldError::new(pointer(twice), &codes::REPEATED_FIELD, message));
        }
        for key in fields.names() {
            match value(key, fields.get(key)) {
                Ok(value) => drop(patch.pairs.insert(key.to_owned(), value)),
                Err(error) => errors.push(|| error),
            }
        }
        if errors.is_empty() { Ok(patch) } else { Err(errors) }
    }
}

fn pointer(key: &str) -> String {
    format!("/labels/{}", pointer_step(key))
}

fn value(key: &str, sent: Option<&RawValue>) -> Result<Option<String>, FieldError> {
    let wrong = |message: String| FieldError::new(pointer(key), &codes::INVALID_LABEL, message);
    if !is_key(key) {
        let message = format!(
            "a label's key has 1 to {LONGEST} of the characters a-z, 0-9, `.`, `_`, `/` and `-`; the first \
             and the last are letters or digits"
        );
        return Err(wrong(message));
    }
    let Some(sent) = sent else { return Ok(None) };
    match tree(sent) {
        Value::String(text) if is_value(&text) => Ok(Some(text)),
        Value::String(_) => Err(wrong(format!(
            "a label's value has at most {LONGEST} characters, none of them control ones"
        ))),
        _ => Err(FieldError::wrong_type(&pointer(key), "a string")),
    }
}

fn is_key(key: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let inside = |b: u8| plain(b) || b"._/-".contains(&b);
    let ends = key.bytes().next().zip(key.bytes().last());
    key.len() <= LONGEST
        && ends.is_some_and(|(first, last)| plain(first) && plain(last))
        && key.bytes().all(inside)
}

fn is_value(text: &str) -> bool {
    text.chars().nth(LONGEST).is_none() && !text.contains(char::is_control)
}

/// The key and the value of a label as `key=value` writes it; `None` when no tenant can have it.
#[must_use]
pub fn label_pair(text: &str) -> Option<(&str, &str)> {
    text.split_once('=').filter(|(key, value)| is_key(key) && is_value(value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn raw(value: &Value) -> Box<RawValue> {
        RawValue::from_string(value.to_string()).unwrap()
    }

    fn resolved(value: &Value) -> Result<Labels, FieldErrors> {
        Labels::resolve(Some(&raw(value)))
    }

    #[test]
    fn keys_and_values_are_short_and_plain() {
        let good = json!({"tier": "gold", "eu/region.1_a-b": "", "0": "é".repeat(63)});
        assert_eq!(resolved(&good).unwrap().pairs().count(), 3);
        for (key, value) in [
            ("", json!("a")),
            ("Tier", json!("a")),
            ("-a", json!("a")),
            ("a-", json!("a")),
            ("a b", json!("a")),
            (&"a".repeat(64), json!("a")),
            ("a", json!("é".repeat(64))),
            ("a", json!("b\n")),
        ] {
            let errors = resolved(&json!({ key: value })).unwrap_err();
            assert_eq!(errors.told()[0].code, "invalid_label", "{key:?} {value}");
        }
        for wrong in [json!({"a": 1}), json!({"a": null}), json!([]), json!("a=b")] {
            assert_eq!(resolved(&wrong).unwrap_err().told()[0].code, "invalid_field", "{wrong}");
        }
    }

    #[test]
    fn a_patch_sets_and_removes_and_never_makes_too_many() {
        let before = resolved(&json!({"a": "1", "b": "2"})).unwrap();
        let patched = |patch: &Value| before.patched(&LabelsPatch::parse(&raw(patch))?);
        let many: BTreeMap<_, _> = (0..31).map(|n| (format!("k{n}"), "v")).collect();

        assert_eq!(
            patched(&json!({"a": null, "c": "3", "d": null})),
            resolved(&json!({"b": "2", "c": "3"}))
        );
        assert_eq!(patched(&Value::Null), Ok(Labels::default()));
        assert_eq!(patched(&json!(many)).unwrap_err().told()[0].pointer, "/labels");
    }

    #[test]
    fn a_pair_is_cut_at_its_first_equals_sign() {
        assert_eq!(label_pair("tier=a=b"), Some(("tier", "a=b")));
        assert_eq!(label_pair("tier="), Some(("tier", "")));
        for wrong in ["tier", "=a", "Tier=a", "tier=\n"] {
            assert_eq!(label_pair(wrong), None, "{wrong:?}");
        }
    }
}
