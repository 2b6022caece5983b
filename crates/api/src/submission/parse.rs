//! Parses what was sent: JSON or not, the mode and start of a batch, a tenant of each slice.

use std::{fmt, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Mode, NewBatch, NewItem};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};

use super::read::{Slices, with_time};
use crate::http::problem::Problem;

/// Items that are in memory as more than text at a time. Each of these chunks takes the same few
/// statements, so their number is constant up to this size and grows by a handful for each chunk
/// beyond it, or beyond [`CHUNK_BYTES`]: what it costs that memory does not grow with the batch.
const CHUNK: usize = 4_096;

/// Bytes of items that are in memory as more than text at a time; a chunk has one item at least.
const CHUNK_BYTES: usize = 4 << 20;

/// Farthest a batch may be put off, in days: its names are reserved all the while.
const FARTHEST_DAYS: i64 = 30;

/// The items of a submission, a chunk at a time.
pub(crate) struct Chunks {
    tenants: Arc<Slices>,
    batch: NewBatch,
    read: usize,
}

impl Chunks {
    /// The items of `tenants`, read from the first on as items of `batch`.
    pub(crate) fn of(tenants: &Arc<Slices>, batch: NewBatch) -> Self {
        Self { tenants: Arc::clone(tenants), batch, read: 0 }
    }

    /// The next items, and what comes after them; `None` at the end. Read on a thread that may
    /// take its time.
    pub(crate) async fn next(mut self) -> Result<Option<(Self, Vec<NewItem>)>, Problem> {
        if self.read == self.tenants.len() {
            return Ok(None);
        }
        with_time(move || {
            let (mut items, mut bytes) = (Vec::new(), 0);
            for sent in self.tenants.from(self.read).take(CHUNK) {
                items.push(self.batch.item(sent));
                bytes += sent.len();
                if bytes >= CHUNK_BYTES {
                    break;
                }
            }
            self.read += items.len();
            Ok(Some((self, items)))
        })
        .await
    }
}

/// The text of the one JSON document that `bytes` are.
///
/// # Errors
/// 400 with line and column when they are not valid.
pub(crate) fn json_text(bytes: &[u8]) -> Result<&str, Problem> {
    serde_json::from_slice::<WellFormed>(bytes).map_err(|e| Problem::not_json(&e))?;
    Ok(std::str::from_utf8(bytes).expect("JSON is UTF-8"))
}

/// The mode that a batch asks for.
pub(crate) fn mode(mode: Option<&str>) -> Result<Mode, Problem> {
    let Some(mode) = mode else { return Ok(Mode::Independent) };
    mode.parse().map_err(|_| {
        let message = "a mode is `independent` or `atomic`";
        Problem::invalid_body("/mode", "invalid_mode", message)
    })
}

pub(crate) fn run_at(text: &str) -> Result<DateTime<Utc>, Problem> {
    DateTime::parse_from_rfc3339(text)
        .map(|at| at.to_utc())
        .map_err(|_| {
            wrong_time(&format!(
                "must be a time as RFC 3339 writes it, with a zone, within the next {FARTHEST_DAYS} days"
            ))
        })
}

/// Whether a batch can still be put off to `run_at`. Asked of a new submission only: one that is sent
/// again must find its batch even when the time has come.
///
/// # Errors
/// 422 when it is past, or too far away.
pub(crate) fn check_run_at(run_at: Option<DateTime<Utc>>) -> Result<(), Problem> {
    let Some(run_at) = run_at else { return Ok(()) };
    let now = Utc::now();
    if run_at <= now {
        return Err(wrong_time("must be in the future; leave it out to start at once"));
    }
    if run_at > now + TimeDelta::days(FARTHEST_DAYS) {
        return Err(wrong_time(&format!("must be within the next {FARTHEST_DAYS} days")));
    }
    Ok(())
}

fn wrong_time(message: &str) -> Problem {
    Problem::invalid_body("/run_at", "invalid_run_at", message)
}

/// Any JSON document: checked, and not kept.
///
/// Refuses what [`serde_json::Value`] refuses, at the same place, and names that mean something to
/// `serde_json` itself. `serde::de::IgnoredAny` would let text that is not UTF-8, too large numbers and
/// any depth pass.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WellFormed;

impl<'de> Deserialize<'de> for WellFormed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

/// Values without parts.
macro_rules! leaf {
    ($($visit:ident: $value:ty),*) => {$(
        fn $visit<E>(self, _: $value) -> Result<Self, E> {
            Ok(self)
        }
    )*};
}

impl<'de> Visitor<'de> for WellFormed {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any valid JSON value")
    }

    leaf!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self, A::Error> {
        while let Some(name) = fields.next_key::<String>()? {
            // A parser takes it for a sign of its own, and reads the value behind it as JSON again.
            if name.starts_with("$serde_json::private::") {
                return Err(A::Error::custom("a name that no object may have"));
            }
            fields.next_value::<Self>()?;
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests;
