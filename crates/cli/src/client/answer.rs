//! What the API answered.

use anyhow::Context as _;
use serde::de::DeserializeOwned;

/// A good answer, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The HTTP status, 200 to 299.
    pub(crate) status: u16,
    /// The body, untouched.
    pub(crate) text: String,
}

impl Answer {
    /// The body as a `T`.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        serde_json::from_str(&self.text)
            .context("the API's answer has another form than this version of tenantry expects")
    }
}
