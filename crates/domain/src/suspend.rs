//! What an operation of kind `suspend` has to know.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::selector::in_calendar;

/// Longest reason, in characters.
const MAX_REASON: usize = 500;

/// Why tenants are suspended, and for how long.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Suspend {
    /// Why, for those who look at the tenant: 1 to 500 characters, none of them control ones.
    #[cfg_attr(
        feature = "openapi",
        schema(
            min_length = 1,
            max_length = 500,
            pattern = r"^[^\x00-\x1f\x7f-\x9f]*[!-~][^\x00-\x1f\x7f-\x9f]*$"
        )
    )]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When they are resumed; left out, when somebody resumes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

/// What is wrong with a suspension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SuspendError {
    /// The reason is empty, too long, or has control characters.
    #[error("must be 1 to {MAX_REASON} characters, none of them control ones")]
    Reason,
    /// The time is over, or no calendar has it.
    #[error("must be in the future, before the year 10000")]
    Until,
}

impl Suspend {
    /// Checks it at the moment `now`; white space around the reason is taken off.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn checked(self, now: DateTime<Utc>) -> Result<Self, SuspendError> {
        let reason = self.reason.map(|reason| line_of_text(&reason).ok_or(SuspendError::Reason));
        let reason = reason.transpose()?;
        if self.until.is_some_and(|until| until <= now || !in_calendar(until)) {
            return Err(SuspendError::Until);
        }
        Ok(Self { reason, ..self })
    }
}

/// A reason without white space around it; `None` when it is empty, too long, or has control characters.
#[must_use]
pub fn line_of_text(reason: &str) -> Option<String> {
    let reason = reason.trim();
    let fits =
        (1..=MAX_REASON).contains(&reason.chars().count()) && !reason.contains(char::is_control);
    fits.then(|| reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_a_line_of_text_and_the_time_is_to_come() {
        let now = Utc::now();
        let suspend = |reason: &str, until| Suspend { reason: Some(reason.to_owned()), until };

        assert_eq!(suspend(" unpaid ", None).checked(now), Ok(suspend("unpaid", None)));
        assert!(Suspend::default().checked(now).is_ok());
        for wrong in ["", " ", "a\nb", "a\0b", &"x".repeat(501)] {
            assert_eq!(suspend(wrong, None).checked(now), Err(SuspendError::Reason), "{wrong:?}");
        }
        assert_eq!(suspend("a", Some(now)).checked(now), Err(SuspendError::Until));
        let until = "+200000-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(suspend("a", Some(until)).checked(now), Err(SuspendError::Until));
    }
}
