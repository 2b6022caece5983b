//! Where a cluster lives: its directory, its files, its socket.

use std::fs::{self, DirBuilder, File};
use std::io::ErrorKind;
use std::os::unix::fs::{
    DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown, fchown,
};
use std::path::{Path, PathBuf};

use nix::libc::O_NOFOLLOW;
use nix::unistd::geteuid;
use sha2::{Digest, Sha256};

use crate::error::{Error, OnPath};
use crate::owner::{self, Owner};

/// Where root's clusters go when the wanted place is closed to the server's
/// user, as everything below a home of mode 0700 is.
const FALLBACK: &str = "/var/lib/tenantry";

#[derive(Clone, Debug)]
pub(crate) struct Home {
    /// Canonical. It stays ours: as root we trust nothing that the server's user
    /// could have put here.
    pub(crate) root: PathBuf,
    /// Whom the server runs as; `None` = as ourselves.
    pub(crate) owner: Option<Owner>,
}

impl Home {
    /// Makes the directory, or its stand-in where the server's user can go.
    pub(crate) fn make(wanted: &Path) -> Result<Self, Error> {
        let wanted = std::path::absolute(wanted).on("name", wanted)?;
        let owner = owner::of(&wanted.join("data"))?;
        let was_there = wanted.exists();
        fs::create_dir_all(&wanted).on("make", &wanted)?;
        let root = wanted.canonicalize().on("resolve", &wanted)?;
        let stand_in = fallback(&root);
        let moved = owner.is_some() && stand_in.join("data").exists();
        let here = root.join("data").exists();
        if owner::can_pass(owner, &root) && (here || !moved) {
            return Ok(Self { root, owner });
        }
        if let Some(Owner { uid, .. }) = owner.filter(|_| here) {
            // A stand-in here would be a new, empty cluster in place of this one.
            return Err(Error::Unreachable { uid, path: root });
        }
        if !was_there {
            fs::remove_dir(&root).on("remove", &root)?;
        }
        let owner = owner::of(&stand_in.join("data"))?;
        fs::create_dir_all(&stand_in).on("make", &stand_in)?;
        Ok(Self { root: stand_in, owner })
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// What the server prints before its own log begins.
    pub(crate) fn log(&self) -> PathBuf {
        self.root.join("server.log")
    }

    /// An empty file that the server's user owns and nobody else reads.
    pub(crate) fn private_file(&self, path: &Path) -> Result<File, Error> {
        let file = open(path)?;
        file.set_len(0).on("empty", path)?;
        file.set_permissions(fs::Permissions::from_mode(0o600)).on("protect", path)?;
        if let Some(Owner { uid, gid }) = self.owner {
            fchown(&file, Some(uid), Some(gid)).on("give away", path)?;
        }
        Ok(file)
    }

    /// An empty directory that the server's user owns and nobody else enters.
    pub(crate) fn private_dir(&self, path: &Path) -> Result<(), Error> {
        DirBuilder::new().mode(0o700).create(path).on("make", path)?;
        self.give(path)
    }

    pub(crate) fn lock_file(&self, name: &str) -> Result<File, Error> {
        open(&self.root.join(name))
    }

    /// A private directory with a path short enough for a socket (107 bytes;
    /// macOS 103). `/tmp` is open to all: a name that is taken by somebody else
    /// is left to him.
    pub(crate) fn make_socket_dir(&self) -> Result<PathBuf, Error> {
        let tag = short_hash(&self.root);
        let uid = self.owner.map_or_else(|| geteuid().as_raw(), |owner| owner.uid);
        let first = PathBuf::from(format!("/tmp/tenantry-{tag}"));
        let others = (1..16).map(|n| PathBuf::from(format!("/tmp/tenantry-{tag}-{n}")));
        for dir in std::iter::once(first.clone()).chain(others) {
            if made(&dir, 0o700)? {
                self.give(&dir)?;
                return Ok(dir);
            }
            let found = dir.symlink_metadata().on("look at", &dir)?;
            if found.is_dir() && found.uid() == uid && found.mode() & 0o077 == 0 {
                return Ok(dir);
            }
        }
        Err(Error::Unreachable { uid, path: first })
    }

    /// For what was just made by us where others cannot touch it.
    fn give(&self, path: &Path) -> Result<(), Error> {
        match self.owner {
            Some(Owner { uid, gid }) => chown(path, Some(uid), Some(gid)).on("give away", path),
            None => Ok(()),
        }
    }
}

/// Makes a directory; false if there is something of this name already.
pub(crate) fn made(dir: &Path, mode: u32) -> Result<bool, Error> {
    match DirBuilder::new().mode(mode).create(dir) {
        Ok(()) => Ok(true),
        Err(taken) if taken.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(other) => Err(other).on("make", dir),
    }
}

/// Never through a link: as root in a user's directory that could be any file.
fn open(path: &Path) -> Result<File, Error> {
    let mut how = File::options();
    how.create(true).truncate(false).write(true).custom_flags(O_NOFOLLOW);
    how.open(path).on("open", path)
}

fn fallback(root: &Path) -> PathBuf {
    Path::new(FALLBACK).join(short_hash(root))
}

/// Eight hex digits that stand for a path.
pub(crate) fn short_hash(path: &Path) -> String {
    let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
    hex::encode(&digest[..4])
}
