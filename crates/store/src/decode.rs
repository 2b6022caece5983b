//! Reads the registry's words (states, names) back as types.

use std::{error::Error, str::FromStr};

use domain::{ItemError, ItemId, Kind};

/// `text` as a `T`.
///
/// # Errors
/// When the database holds a word this version does not know.
pub(crate) fn decode<T>(text: &str) -> sqlx::Result<T>
where
    T: FromStr,
    T::Err: Error + Send + Sync + 'static,
{
    text.parse().map_err(unreadable)
}

/// The database holds what no `T` is.
pub(crate) fn unreadable(error: impl Into<Box<dyn Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}

/// An item, and the kind of its operation.
pub(crate) fn with_kind(id: i64, kind: &str) -> sqlx::Result<(ItemId, Kind)> {
    Ok((ItemId::new(id), decode(kind)?))
}

/// The error in an item's columns, if there is one.
pub(crate) fn item_error(
    code: Option<String>,
    message: Option<String>,
    step: Option<String>,
    retryable: Option<bool>,
) -> Option<ItemError> {
    let (message, retryable) = (message.unwrap_or_default(), retryable.unwrap_or_default());
    Some(ItemError { code: code?.into(), message, step, retryable })
}

/// A count the database computed, as the unsigned number it is.
pub(crate) fn natural(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// A number of items, as a column holds it. No operation has more than fit.
pub(crate) fn column(n: u64) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}
