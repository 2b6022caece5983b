//! Makes a data directory, whole or not at all: `initdb` writes `PG_VERSION`
//! early, so that proves nothing. It works in `data.new`, and the rename is the
//! moment the cluster exists.

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::Signal;

use crate::binaries::Binaries;
use crate::bound::spawn_bound_by;
use crate::error::{Error, OnPath};
use crate::home::Home;
use crate::leftovers;
use crate::tool;

/// From this version on checksums are the default.
const CHECKSUMS_BY_DEFAULT: u32 = 18;

/// The major version of the data directory, if there is one.
pub(crate) fn major(data: &Path) -> Result<Option<u32>, Error> {
    if !data.exists() {
        return Ok(None);
    }
    let path = data.join("PG_VERSION");
    let text = fs::read_to_string(&path).on("read", &path)?;
    let parsed = text.trim().parse();
    parsed.map(Some).map_err(std::io::Error::other).on("understand", &path)
}

/// Makes the data directory if there is none. The caller holds the lock.
pub(crate) fn ensure(home: &Home, binaries: &Binaries, durable: bool) -> Result<(), Error> {
    let data = home.data();
    if data.exists() {
        return Ok(());
    }
    let fresh = home.root.join("data.new");
    if fresh.exists() {
        leftovers::clear(&fresh)?;
        fs::remove_dir_all(&fresh).on("remove", &fresh)?;
    }
    home.private_dir(&fresh)?;
    run(home, binaries, durable, &fresh)?;
    fs::rename(&fresh, &data).on("name", &data)?;
    if durable {
        File::open(&home.root).and_then(|dir| dir.sync_all()).on("sync", &home.root)?;
    }
    Ok(())
}

fn run(home: &Home, binaries: &Binaries, durable: bool, data: &Path) -> Result<(), Error> {
    let mut initdb = tool::command(binaries.dir(), "initdb", home.owner);
    // C collation: the same everywhere, and there without any locale installed.
    initdb.args(["-U", "postgres", "-E", "UTF8", "--no-locale", "--no-instructions"]);
    // Behind a socket that only we can reach nobody needs a password; on TCP any
    // local user would become superuser, that is run programs as us. The superuser
    // has no password, and so no way in by TCP.
    initdb.args(["--auth-local=trust", "--auth-host=scram-sha-256", "-D"]).arg(data);
    if durable && binaries.major() < CHECKSUMS_BY_DEFAULT {
        initdb.arg("-k");
    }
    if !durable {
        initdb.arg("-N");
    }
    initdb.stdout(Stdio::piped()).stderr(Stdio::piped());
    // By SIGTERM it would tidy up, and meet the next start at that.
    let ended = spawn_bound_by(initdb, Signal::SIGKILL).and_then(|child| child.wait_with_output());
    tool::said(&binaries.dir().join("initdb"), ended).map(drop)
}
