//! Where the shared cluster lives.

use std::env;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use crate::config;
use crate::error::{Error, OnPath};
use crate::home::{made, short_hash};

const MEMORY: &str = "/dev/shm";

/// Free space below which memory is not used, in bytes: 60 databases took
/// 0.7 GB. Docker gives 64 MB unless told otherwise.
const ROOM: u64 = 2 << 30;

/// The shared cluster's directory: one for each user, checkout, `PG_BIN` and settings.
pub(super) fn directory() -> Result<PathBuf, Error> {
    let binaries = env::var("PG_BIN").unwrap_or_default();
    let settings = config::settings(false).flat_map(|(name, value)| [name, value, "\n"]);
    let key: String =
        [env!("CARGO_MANIFEST_DIR"), "\n", &binaries, "\n"].into_iter().chain(settings).collect();
    let name = format!("tenantry-tests-{}-{}", geteuid(), short_hash(Path::new(&key)));
    let dir = base(&name).join(name);
    claim(&dir)?;
    Ok(dir)
}

/// Memory if it has room. A cluster that runs there may have filled it, and must
/// still be found.
fn base(name: &str) -> PathBuf {
    let memory = Path::new(MEMORY);
    if memory.join(name).join("data").exists() || free_memory().is_some_and(|free| free >= ROOM) {
        return memory.to_owned();
    }
    target_tmp().unwrap_or_else(env::temp_dir)
}

#[cfg(target_os = "linux")]
fn free_memory() -> Option<u64> {
    let room = nix::sys::statvfs::statvfs(MEMORY).ok()?;
    Some(room.blocks_available() * room.fragment_size())
}

/// Elsewhere there is no file system in memory to count on.
#[cfg(not(target_os = "linux"))]
fn free_memory() -> Option<u64> {
    None
}

/// `target/tmp` of the build that this program is from: cargo marks the target
/// directory with a tag file.
fn target_tmp() -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    let target = program.ancestors().find(|dir| dir.join("CACHEDIR.TAG").exists())?;
    let tmp = target.join("tmp");
    fs::create_dir_all(&tmp).ok()?;
    Some(tmp)
}

/// Makes the directory ours before anything is trusted in it: its parent is open
/// to all.
fn claim(dir: &Path) -> Result<(), Error> {
    // Open to pass through: as root the server is another user.
    made(dir, 0o711)?;
    let found = dir.symlink_metadata().on("look at", dir)?;
    if found.is_dir() && found.uid() == geteuid().as_raw() {
        return Ok(());
    }
    let taken = io::Error::new(ErrorKind::AlreadyExists, "it is somebody else's");
    Err(taken).on("use", dir)
}
