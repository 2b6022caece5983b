//! What operations on the API keys of many tenants have to know.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::selector::in_calendar;

/// Longest overlap, in hours: a year.
const MOST_HOURS: u32 = 8_760;

/// Longest life of a key, in days.
const MOST_DAYS: u32 = 36_500;

/// How keys are to be rotated.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RotateKeys {
    /// Hours for which the old keys stay good; 0 ends them at once. Left out:
    /// `keys.rotation_overlap_hours` of the installation.
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 8760))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap_hours: Option<u32>,
    /// Days after which the new keys expire; left out: `keys.expires_days` of the installation.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 36_500))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_days: Option<u32>,
}

/// Which keys are to be revoked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RevokeKeys {
    /// Only keys that were issued before this moment; left out, all live ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_before: Option<DateTime<Utc>>,
}

/// What is wrong with an operation on keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// The overlap is too long.
    #[error("must be from 0 to {MOST_HOURS}")]
    Overlap,
    /// The life of a new key is none, or too long.
    #[error("must be from 1 to {MOST_DAYS}")]
    Expiry,
    /// A moment that the database cannot hold.
    #[error("must be a moment of the years 1 to 9999")]
    CreatedBefore,
}

impl RotateKeys {
    /// The longest times are those of the settings.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn check(&self) -> Result<(), KeysError> {
        if self.overlap_hours.is_some_and(|hours| hours > MOST_HOURS) {
            return Err(KeysError::Overlap);
        }
        match self.expires_days {
            Some(days) if !(1..=MOST_DAYS).contains(&days) => Err(KeysError::Expiry),
            _ => Ok(()),
        }
    }
}

impl RevokeKeys {
    /// Whether the database can hold the moment.
    ///
    /// # Errors
    /// When it cannot.
    pub fn check(&self) -> Result<(), KeysError> {
        match self.created_before.is_none_or(in_calendar) {
            true => Ok(()),
            false => Err(KeysError::CreatedBefore),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_within_what_settings_can_say() {
        let rotate =
            |overlap_hours, expires_days| RotateKeys { overlap_hours, expires_days }.check();

        assert_eq!(rotate(None, None), Ok(()));
        assert_eq!(rotate(Some(8_760), Some(36_500)), Ok(()));
        assert_eq!(rotate(Some(8_761), None), Err(KeysError::Overlap));
        assert_eq!(rotate(Some(0), Some(0)), Err(KeysError::Expiry));
        let created_before = Some("+10000-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(RevokeKeys { created_before }.check(), Err(KeysError::CreatedBefore));
        assert_eq!(RevokeKeys::default().check(), Ok(()));
    }
}
