//! The directory that holds everything of one system.

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use settings::Settings;

use super::{Ready, ready};
use crate::{connection::READY_FILE, failure::Failure};

/// A data directory that is ours alone while this lives.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the directory if need be and takes it; a system that already runs in it is named.
    pub(crate) fn take(path: &Path) -> anyhow::Result<Self> {
        let doing = || format!("could not use the data directory {}", path.display());
        // Others must pass: as root, PostgreSQL runs below it as another user.
        let make = |dir: &Path| DirBuilder::new().recursive(true).mode(0o711).create(dir);
        make(path).with_context(doing)?;
        let path = path.canonicalize().with_context(doing)?;
        make(&path.join("log")).and_then(|()| make(&path.join("run"))).with_context(doing)?;
        // It lies in people's projects and has keys in it.
        let ignored = path.join(".gitignore");
        if !ignored.exists() {
            fs::write(ignored, "*\n").with_context(doing)?;
        }
        let lock = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join("lock"))
            .with_context(doing)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(in_use(&path).into()),
            Err(TryLockError::Error(e)) => Err(e).with_context(doing),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn log_dir(&self) -> PathBuf {
        self.path.join("log")
    }

    /// The master key of the settings, else this directory's own: the same at every start, so
    /// that keys sealed before can be opened.
    pub(crate) fn master_key(&self, settings: &Settings) -> anyhow::Result<SecretString> {
        if let Some(key) = &settings.keys.master_key {
            return Ok(key.clone());
        }
        let file = self.path.join("master.key");
        if file.exists() {
            let text = fs::read_to_string(&file)
                .with_context(|| format!("could not read {}", file.display()))?;
            return Ok(SecretString::from(text.trim().to_owned()));
        }
        let key = keys::MasterKey::generate();
        telemetry::write_private(&file, format!("{}\n", key.expose_secret()).as_bytes())
            .with_context(|| format!("could not write {}", file.display()))?;
        Ok(key)
    }
}

fn in_use(path: &Path) -> Failure {
    let running: anyhow::Result<Ready> = ready::read(&path.join(READY_FILE));
    let who = running.map_or_else(
        |_| "another tenantry".to_owned(),
        |ready| format!("process {} ({})", ready.pid, ready.url),
    );
    Failure::new(format!("{who} already runs in {}", path.display()))
        .advise("use that one, stop it, or pass another --data-dir")
}

#[cfg(test)]
mod tests {
    use settings::Profile;

    use super::*;

    #[test]
    fn one_system_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataDir::take(dir.path()).unwrap();

        let second = DataDir::take(dir.path()).unwrap_err().to_string();
        drop(first);

        assert!(second.contains("already runs in"), "{second}");
        DataDir::take(dir.path()).unwrap();
    }

    #[test]
    fn keeps_its_master_key_over_restarts() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::from_env_map(Profile::Dev, []).unwrap();
        let data_dir = DataDir::take(dir.path()).unwrap();

        let first = data_dir.master_key(&settings).unwrap();
        let again = data_dir.master_key(&settings).unwrap();

        assert_eq!(first.expose_secret(), again.expose_secret());
        keys::MasterKey::parse(&first).unwrap();
    }
}
