//! The demo's own directory, and those that killed demos left behind.

use std::{
    fs::{self, File},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use tempfile::TempDir;

const PREFIX: &str = "tenantry-demo-";

/// Held by a demo as long as it runs: the system lets go of it even if the demo is killed.
const LOCK: &str = "demo.lock";

#[derive(Debug)]
pub(super) struct Place {
    dir: TempDir,
    _lock: File,
}

impl Place {
    /// Makes the directory, and removes those of demos that were killed.
    pub(super) fn make() -> anyhow::Result<Self> {
        Self::make_in(Path::new("/tmp"))
    }

    fn make_in(parent: &Path) -> anyhow::Result<Self> {
        for dir in left_behind(parent) {
            // What cannot be removed costs room and harms nothing: the next demo tries again.
            if let Err(error) = fs::remove_dir_all(&dir) {
                tracing::debug!("could not remove {}: {error}", dir.display());
            }
        }
        // Others must pass through it: as root, PostgreSQL runs as another user.
        let dir = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(fs::Permissions::from_mode(0o711))
            .tempdir_in(parent)
            .context("could not make a directory for the demo")?;
        let lock = File::create(dir.path().join(LOCK)).context("could not make the demo's lock")?;
        lock.lock().context("could not lock the demo's directory")?;
        Ok(Self { dir, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn remove(self) -> anyhow::Result<()> {
        self.dir.close().context("could not remove the demo's directory")
    }
}

/// Our own directories whose demo no longer runs. `parent` is open to all users.
fn left_behind(parent: &Path) -> Vec<PathBuf> {
    let uid = nix::unistd::geteuid().as_raw();
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX))
        .map(|entry| entry.path())
        .filter(|dir| dir.symlink_metadata().is_ok_and(|it| it.is_dir() && it.uid() == uid))
        // Without a lock it has just been made.
        .filter(|dir| File::open(dir.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_demo_left_goes_and_what_a_running_one_needs_stays() {
        let parent = tempfile::tempdir().unwrap();
        let running = Place::make_in(parent.path()).unwrap();
        let killed = parent.path().join("tenantry-demo-killed");
        let fresh = parent.path().join("tenantry-demo-fresh");
        let other = parent.path().join("other");
        for dir in [&killed, &fresh, &other] {
            fs::create_dir(dir).unwrap();
        }
        fs::write(killed.join(LOCK), "").unwrap();
        fs::write(other.join(LOCK), "").unwrap();

        let next = Place::make_in(parent.path()).unwrap();

        assert!(running.path().exists() && next.path().exists());
        assert!(fresh.exists() && other.exists());
        assert!(!killed.exists());
    }
}
