//! What an operation of kind `delete` has to know.

use serde::{Deserialize, Serialize};

use crate::suspend::line_of_text;

/// Longest grace, in days.
const MAX_GRACE_DAYS: u32 = 365;

/// Longest time for which the names of a deleted tenant are kept, in days.
const MAX_NAME_HOLD_DAYS: u32 = 3650;

/// Why tenants are deleted, and what is left them until then.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema, utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct Delete {
    /// Why, for those who look at the tenant: 1 to 500 characters, none of them control ones.
    #[cfg_attr(
        feature = "openapi",
        schema(
            min_length = 1,
            max_length = 500,
            pattern = r"^[^\x00-\x1f\x7f-\x9f]*[!-~][^\x00-\x1f\x7f-\x9f]*$"
        ),
        param(
            min_length = 1,
            max_length = 500,
            pattern = r"^[^\x00-\x1f\x7f-\x9f]*[!-~][^\x00-\x1f\x7f-\x9f]*$"
        )
    )]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// In how many days the tenant is dropped, 0–365; until then it can be undeleted. Left out:
    /// `deletion.grace_days`.
    #[cfg_attr(feature = "openapi", schema(maximum = 365), param(maximum = 365))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_days: Option<u32>,
    /// For how many days after that its domain, schema name and external id stay taken, 0–3650. Left out:
    /// `deletion.name_hold_days`.
    #[cfg_attr(feature = "openapi", schema(maximum = 3650), param(maximum = 3650))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_hold_days: Option<u32>,
    /// Whether an imported tenant's schema is dropped too; left out, it is given back as it was found.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drop_imported: bool,
}

/// What is wrong with a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeleteError {
    /// The reason is empty, too long, or has control characters.
    #[error("must be 1 to 500 characters, none of them control ones")]
    Reason,
    /// The grace is too long.
    #[error("must be 0 to {MAX_GRACE_DAYS} days")]
    Grace,
    /// The names would be kept too long.
    #[error("must be 0 to {MAX_NAME_HOLD_DAYS} days")]
    NameHold,
}

impl Delete {
    /// Checks it; white space around the reason is taken off.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn checked(self) -> Result<Self, DeleteError> {
        let reason = self.reason.map(|reason| line_of_text(&reason).ok_or(DeleteError::Reason));
        if self.grace_days.is_some_and(|days| days > MAX_GRACE_DAYS) {
            return Err(DeleteError::Grace);
        }
        if self.name_hold_days.is_some_and(|days| days > MAX_NAME_HOLD_DAYS) {
            return Err(DeleteError::NameHold);
        }
        Ok(Self { reason: reason.transpose()?, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_an_end_and_a_reason_is_a_line() {
        let delete = |reason: Option<&str>, grace_days, name_hold_days| {
            let reason = reason.map(str::to_owned);
            Delete { reason, grace_days, name_hold_days, drop_imported: false }.checked()
        };

        assert_eq!(delete(None, Some(0), Some(0)).unwrap().grace_days, Some(0));
        assert_eq!(delete(Some(" gone "), None, None).unwrap().reason.as_deref(), Some("gone"));
        assert_eq!(delete(Some(" "), None, None), Err(DeleteError::Reason));
        assert_eq!(delete(None, Some(366), None), Err(DeleteError::Grace));
        assert_eq!(delete(None, None, Some(3651)), Err(DeleteError::NameHold));
    }
}
