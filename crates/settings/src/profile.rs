//! Which file lies between the defaults and the environment.

use std::fmt;

/// The variable that names the profile.
pub(crate) const PROFILE_VAR: &str = "TENANTRY_PROFILE";

/// A named set of differences from the defaults.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Profile {
    /// No differences.
    #[default]
    Default,
    /// A developer's machine: `dev.toml`.
    Dev,
    /// Servers: `production.toml`.
    Production,
}

impl Profile {
    /// The profile as `TENANTRY_PROFILE` spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Dev => "dev",
            Self::Production => "production",
        }
    }

    /// The profile that `TENANTRY_PROFILE` spells so.
    pub(crate) fn named(text: &str) -> Option<Self> {
        [Self::Default, Self::Dev, Self::Production].into_iter().find(|it| it.as_str() == text)
    }

    /// Name of the profile's file and the text built in for it.
    pub(crate) fn file(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Default => None,
            Self::Dev => Some(("dev.toml", include_str!("../../../config/dev.toml"))),
            Self::Production => {
                Some(("production.toml", include_str!("../../../config/production.toml")))
            }
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
