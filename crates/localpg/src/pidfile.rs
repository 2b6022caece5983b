//! `postmaster.pid`: what a running server says of itself.

use std::fs;
use std::path::{Path, PathBuf};

/// The lines of `postmaster.pid` that matter. The server writes them one after
/// another on its way up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PidFile {
    pub(crate) pid: i32,
    pub(crate) port: u16,
    pub(crate) socket_dir: PathBuf,
    /// Line 8 says `ready`: the same test as `pg_ctl`'s own.
    pub(crate) ready: bool,
}

/// The pid on the first line, which is there before the rest is.
pub(crate) fn pid(data: &Path) -> Option<i32> {
    let text = fs::read_to_string(path(data)).ok()?;
    text.lines().next()?.trim().parse().ok()
}

/// The whole file; `None` until the server has bound its socket.
pub(crate) fn read(data: &Path) -> Option<PidFile> {
    parse(&fs::read_to_string(path(data)).ok()?)
}

pub(crate) fn path(data: &Path) -> PathBuf {
    data.join("postmaster.pid")
}

fn parse(text: &str) -> Option<PidFile> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let socket_dir = PathBuf::from(lines.get(4).filter(|dir| !dir.is_empty())?);
    Some(PidFile {
        pid: lines.first()?.parse().ok()?,
        port: lines.get(3)?.parse().ok()?,
        socket_dir,
        ready: lines.get(7) == Some(&"ready"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: &str = "812\n/srv/pg/data\n1763906400\n5432\n/tmp/tenantry-0a1b2c3d\n\n  \
                         5432001         7\nready   \n";

    #[test]
    fn reads_what_a_ready_server_wrote() {
        let file = parse(READY).unwrap();

        assert_eq!((file.pid, file.port, file.ready), (812, 5432, true));
        assert_eq!(file.socket_dir, Path::new("/tmp/tenantry-0a1b2c3d"));
    }

    #[test]
    fn is_not_ready_before_the_last_line() {
        let starting = READY.replace("ready   ", "starting");
        let shorter = READY.split_inclusive('\n').take(7).collect::<String>();

        assert!(!parse(&starting).unwrap().ready);
        assert!(!parse(&shorter).unwrap().ready);
    }

    #[test]
    fn half_a_file_is_no_answer() {
        assert_eq!(parse(""), None);
        assert_eq!(parse("812\n/srv/pg/data\n1763906400\n5432\n\n"), None);
    }
}
