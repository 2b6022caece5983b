//! Where a run keeps its cluster, its logs and its migrations; gone when it is over.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::moves;

/// Free space below which memory is not used, in bytes: a long run makes thousands of tenants.
const ROOM: u64 = 3 << 30;

/// What Tenantry's tenants get, and a table that some schemas cannot have: see [`crate::strangers::DOOM`].
const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_tenant.sql", include_str!("../../migrations/tenant/0001_tenant.up.sql")),
    ("0002_person.sql", include_str!("../../migrations/tenant/0002_person.up.sql")),
    ("0003_picky.sql", "create table picky (x int); insert into picky values (1);"),
];

/// A directory of the run's own.
#[derive(Debug)]
pub(crate) struct Ground(TempDir);

impl Ground {
    /// A directory that the server's user can enter; in memory if there is room.
    pub(crate) fn new() -> Self {
        let mut builder = tempfile::Builder::new();
        builder.prefix("tenantry-chaos-").permissions(Permissions::from_mode(0o755));
        let dir = match memory() {
            Some(memory) => builder.tempdir_in(memory),
            None => builder.tempdir(),
        };
        Self(dir.expect("there is room for a directory"))
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes the tenants' migrations, and `more` of them: their folder.
    pub(crate) fn write_migrations(&self, more: &[(String, String)]) -> PathBuf {
        let folder = self.path().join("migrations");
        fs::create_dir_all(&folder).expect("the directory is ours");
        for (name, text) in MIGRATIONS.iter().chain(moves::FILES) {
            fs::write(folder.join(name), text).expect("the directory is ours");
        }
        for (name, text) in more {
            fs::write(folder.join(name), text).expect("the directory is ours");
        }
        folder
    }
}

#[cfg(target_os = "linux")]
fn memory() -> Option<&'static Path> {
    let memory = Path::new("/dev/shm");
    let room = nix::sys::statvfs::statvfs(memory).ok()?;
    (room.blocks_available() * room.fragment_size() >= ROOM).then_some(memory)
}

#[cfg(not(target_os = "linux"))]
fn memory() -> Option<&'static Path> {
    None
}
