//! Who we are in a cluster that other installations share, and whose the database is.

use crate::{state::words, text::text_newtype};

/// The installation's id is not 8 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an installation id is 8 lower-case hexadecimal digits")]
pub struct InstallationIdError;

/// One Tenantry in a cluster that others may share: part of every role name. 8 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstallationId(String);

impl InstallationId {
    /// The id in `text`, exactly as the database keeps it.
    ///
    /// # Errors
    /// When `text` is anything but 8 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, InstallationIdError> {
        let hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 8 && text.bytes().all(hex) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InstallationIdError)
        }
    }
}

text_newtype!(InstallationId, InstallationIdError);

words! {
    /// Whether other applications use the database that tenants live in.
    DatabaseMode: "a mode of the database" {
        /// It is Tenantry's: PUBLIC has no rights on it.
        Own = "own",
        /// Others use it: PUBLIC keeps its rights, and tenants' roles have them too.
        Shared = "shared",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_eight_lower_case_hexadecimal_digits_and_nothing_else() {
        assert_eq!(InstallationId::parse("00ab12cd").unwrap().as_str(), "00ab12cd");
        for wrong in ["", "00ab12c", "00ab12cd0", "00AB12CD", "00ab12cg", "00ab12c\n", "éééé"] {
            assert_eq!(InstallationId::parse(wrong), Err(InstallationIdError), "{wrong:?}");
        }
    }
}
