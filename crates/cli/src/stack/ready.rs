//! What is written once something answers.

use std::{collections::BTreeMap, path::Path};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// A whole system that answers: how to call it, how to join it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ready {
    pub(crate) url: String,
    /// An operator token with role admin.
    pub(crate) token: String,
    pub(crate) database_url: String,
    /// The process that keeps it all alive.
    pub(crate) pid: u32,
    /// The environment that lets another worker join.
    pub(crate) env: BTreeMap<String, String>,
}

impl std::fmt::Debug for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ready")
            .field("url", &self.url)
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}

impl Ready {
    /// Says it in `file`, for our eyes only; a reader sees all of it or nothing.
    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        let mut text = serde_json::to_string_pretty(self).context("could not write JSON")?;
        text.push('\n');
        telemetry::write_private(file, text.as_bytes())
            .with_context(|| format!("could not write {}", file.display()))
    }
}

/// What an API or a worker writes once it answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct ProcessReady {
    pub(super) url: String,
}

pub(crate) fn read<T: serde::de::DeserializeOwned>(file: &Path) -> anyhow::Result<T> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("could not read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} has another form", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_wrote_and_never_shows_its_secrets() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ready.json");
        let ready = Ready {
            url: "http://127.0.0.1:1".to_owned(),
            token: "tto_secret".to_owned(),
            database_url: "postgres://u:pw@h/d".to_owned(),
            pid: 7,
            env: BTreeMap::from([("TENANTRY_MASTER_KEY".to_owned(), "k".to_owned())]),
        };

        ready.write(&file).unwrap();

        assert_eq!(read::<Ready>(&file).unwrap(), ready);
        let shown = format!("{ready:?}");
        assert!(!shown.contains("tto_secret") && !shown.contains("pw"), "{shown}");
    }
}
