//! Whom the server runs as. PostgreSQL refuses root, so as root we drop to
//! `postgres`, else `nobody`: a made-up id would not do, initdb looks it up.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::{User, geteuid};

use crate::error::{Error, OnPath};
use crate::tool;

/// A user and group to run as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Who runs the server over `data`: `None` = we do, as we are not root. An
/// existing data directory keeps its owner.
pub(crate) fn of(data: &Path) -> Result<Option<Owner>, Error> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    if !data.exists() {
        return unprivileged().map(Some);
    }
    let meta = data.metadata().on("look at", data)?;
    match meta.uid() {
        0 => unprivileged().map(Some),
        uid => Ok(Some(Owner { uid, gid: meta.gid() })),
    }
}

/// Whether `owner` can enter `dir`: every parent must let it pass.
pub(crate) fn can_enter(owner: Option<Owner>, dir: &Path) -> bool {
    passes(owner, "-x", dir)
}

/// Whether `owner` can run the program at `path`.
pub(crate) fn can_run(owner: Option<Owner>, path: &Path) -> bool {
    path.is_file() && passes(owner, "-x", path)
}

fn passes(owner: Option<Owner>, check: &str, path: &Path) -> bool {
    let mut test = Command::new("test");
    test.args([check.as_ref(), path.as_os_str()]).current_dir("/");
    test.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    tool::become_owner(&mut test, owner);
    test.status().is_ok_and(|status| status.success())
}

fn unprivileged() -> Result<Owner, Error> {
    ["postgres", "nobody"]
        .iter()
        .find_map(|name| User::from_name(name).ok().flatten())
        .filter(|user| !user.uid.is_root())
        .map(|user| Owner { uid: user.uid.as_raw(), gid: user.gid.as_raw() })
        .ok_or(Error::NoUser)
}
