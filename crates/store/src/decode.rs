//! Reads the registry's words (states, names) back as types.

use std::{error::Error, str::FromStr};

use domain::{ItemId, Kind};

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

/// A count the database computed, as the unsigned number it is.
pub(crate) fn natural(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// A number of items, as a column holds it. No operation has more than fit.
pub(crate) fn column(n: u64) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}
