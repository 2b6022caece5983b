//! Reads which tenants an operation selects. A condition that says nothing is refused: it would fit every tenant.

use domain::{Selector, SelectorError};
use serde_json::Value;

use super::operation::{read as read_struct, wrong};
use crate::http::problem::Problem;

const SAYS_NOTHING: &str = "says nothing: leave it out, or write what tenants are to have";

/// The selector of a body.
///
/// # Errors
/// 422 with the pointer of what is wrong.
pub(super) fn read(value: &Value) -> Result<Selector, Problem> {
    let selector: Selector = read_struct("/selector", value)?;
    if let Some(pointer) = blank(value) {
        return Err(wrong(&format!("/selector{pointer}"), SAYS_NOTHING));
    }
    selector.check().map_err(|error| {
        let field = match error {
            SelectorError::Empty | SelectorError::AllAndMore => "",
            SelectorError::Label => "/label",
            SelectorError::CreatedBefore => "/created_before",
        };
        wrong(&format!("/selector{field}"), &error.to_string())
    })?;
    Ok(selector)
}

/// Where an empty text or list is in `value`.
fn blank(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => text.trim().is_empty().then(String::new),
        Value::Array(list) if list.is_empty() => Some(String::new()),
        Value::Array(list) => {
            list.iter().enumerate().find_map(|(at, it)| Some(format!("/{at}{}", blank(it)?)))
        }
        Value::Object(fields) => {
            fields.iter().find_map(|(name, it)| Some(format!("/{name}{}", blank(it)?)))
        }
        _ => None,
    }
}
