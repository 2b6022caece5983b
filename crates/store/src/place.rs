//! A row's place in a list that begins with the newest row.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};

/// A row's time, then its id. A larger place comes first in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub at: DateTime<Utc>,
    pub id: i64,
}

/// The text is not a place.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("not a place in a list")]
pub struct NotAPlace;

impl fmt::Display for Place {
    /// Microseconds since 1970, then the id. PostgreSQL's times have no smaller unit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at.timestamp_micros(), self.id)
    }
}

impl FromStr for Place {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let (micros, id) = text.split_once('.').ok_or(NotAPlace)?;
        // PostgreSQL has every time from 1970 on that a `DateTime` has.
        let micros = micros.parse().ok().filter(|micros| *micros >= 0).ok_or(NotAPlace)?;
        let at = DateTime::from_timestamp_micros(micros).ok_or(NotAPlace)?;
        Ok(Self { at, id: id.parse().map_err(|_| NotAPlace)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back_to_the_microsecond() {
        let at = "2026-11-26T06:33:47.123456Z".parse().unwrap();
        let place = Place { at, id: 7 };

        assert_eq!(place.to_string().parse::<Place>().unwrap(), place);
    }

    #[test]
    fn a_time_that_postgresql_does_not_have_is_not_a_place() {
        for text in ["", "7", "7.", ".7", "-1.7", "9223372036854775807.7", "1.9223372036854775808"]
        {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
