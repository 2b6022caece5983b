//! Whom the server runs as. PostgreSQL refuses root, so as root we drop to
//! `postgres`, else `nobody`: a made-up id would not do, initdb looks it up.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

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

/// Whether `owner` can enter the directory, or run the program: every parent must let it pass.
pub(crate) fn can_pass(owner: Option<Owner>, path: &Path) -> bool {
    let mut test = Command::new("test");
    test.args(["-x".as_ref(), path.as_os_str()]).current_dir("/");
    tool::become_owner(&mut test, owner);
    tool::output(&mut test).is_ok()
}

fn unprivileged() -> Result<Owner, Error> {
    ["postgres", "nobody"]
        .iter()
        .find_map(|name| User::from_name(name).ok().flatten())
        .filter(|user| !user.uid.is_root())
        .map(|user| Owner { uid: user.uid.as_raw(), gid: user.gid.as_raw() })
        .ok_or(Error::NoUser)
}
