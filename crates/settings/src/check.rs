//! Holds one value against its key: type, then range or rule.

use toml::Value;

use crate::{
    Source,
    catalogue::{Key, Kind, Rule},
    layers::{Found, Raw, unquoted},
};

/// The value in the key's own unit and type.
///
/// # Errors
/// What the value must be, in the unit its author wrote; never a secret's value.
pub(crate) fn value(key: &Key, entry: Option<&str>, found: &Found) -> Result<Value, String> {
    match key.kind {
        Kind::Number { min, max } => {
            let by_own_name =
                matches!(&found.source, Source::Environment(name) if key.env == Some(name));
            let scale = if by_own_name { key.env_scale } else { 1 };
            let number = number(&found.raw, min / scale, max / scale)?;
            Ok(Value::Integer(number * scale))
        }
        Kind::Limits if entry.is_some() => number(&found.raw, 0, i64::MAX).map(Value::Integer),
        Kind::Limits => Err(format!(
            "must be a table of name = number; in the environment name the entry: {}__USERS",
            env_form(key.path)
        )),
        Kind::Text(rule) => text(&found.raw, rule, true),
        Kind::Secret(rule) => text(&found.raw, rule, false),
        Kind::List(rule) => list(&found.raw, rule),
    }
}

fn number(raw: &Raw, min: i64, max: i64) -> Result<i64, String> {
    let (number, shown) = match raw {
        Raw::Toml(value) => (value.as_integer(), value.to_string()),
        Raw::Text(text) => (text.trim().parse().ok(), text.clone()),
    };
    number.filter(|number| (min..=max).contains(number)).ok_or_else(|| match max {
        i64::MAX => format!("must be a whole number, {min} or more, is `{shown}`"),
        _ => format!("must be a whole number from {min} to {max}, is `{shown}`"),
    })
}

fn text(raw: &Raw, rule: Rule, may_show: bool) -> Result<Value, String> {
    let text = match raw {
        Raw::Toml(Value::String(text)) | Raw::Text(text) => text,
        Raw::Toml(other) => return Err(format!("must be a text, is {}", article(other))),
    };
    match rule.check(text) {
        Ok(()) => Ok(Value::String(text.clone())),
        Err(must) if may_show => Err(format!("{must}, is `{text}`")),
        Err(must) => Err(must.to_owned()),
    }
}

fn list(raw: &Raw, rule: Rule) -> Result<Value, String> {
    let mut items: Vec<Value> = Vec::new();
    for item in split(raw)? {
        rule.check(&item).map_err(|must| format!("{must}, has `{item}`"))?;
        if !items.iter().any(|seen| seen.as_str() == Some(&item)) {
            items.push(Value::String(item));
        }
    }
    Ok(Value::Array(items))
}

fn split(raw: &Raw) -> Result<Vec<String>, String> {
    match raw {
        Raw::Text(text) => {
            // A JSON list too, also one whose quotes a shell has taken.
            let listed = text.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            let items = listed.unwrap_or(text).split(',').map(|item| unquoted(item.trim()));
            Ok(items.filter(|item| !item.is_empty()).map(Into::into).collect())
        }
        Raw::Toml(Value::Array(items)) => items
            .iter()
            .map(|item| {
                let wrong = || format!("must be a list of texts, has {}", article(item));
                item.as_str().map(Into::into).ok_or_else(wrong)
            })
            .collect(),
        Raw::Toml(other) => Err(format!("must be a list of texts, is {}", article(other))),
    }
}

fn article(value: &Value) -> String {
    match value {
        Value::Integer(_) => "an integer".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        other => format!("a {}", other.type_str()),
    }
}

/// The variable that names a path.
pub(crate) fn env_form(path: &str) -> String {
    format!("{}{}", crate::layers::PATH_PREFIX, path.to_ascii_uppercase().replace('.', "__"))
}
