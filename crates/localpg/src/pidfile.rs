//! `postmaster.pid`: what a running server says of itself.

use std::fs;
use std::path::{Path, PathBuf};

use crate::server::Server;

/// The pid on the first line, which is there before the rest is.
pub(crate) fn pid(data: &Path) -> Option<i32> {
    let text = fs::read_to_string(path(data)).ok()?;
    text.lines().next()?.trim().parse().ok()
}

/// The server, and whether it is ready; `None` until it has bound its socket.
pub(crate) fn read(data: &Path) -> Option<(Server, bool)> {
    parse(&fs::read_to_string(path(data)).ok()?)
}

pub(crate) fn path(data: &Path) -> PathBuf {
    data.join("postmaster.pid")
}

/// The server writes its lines one after another on its way up. That line 8 says `ready` is the test of
/// `pg_ctl` too.
fn parse(text: &str) -> Option<(Server, bool)> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let socket_dir = PathBuf::from(lines.get(4).filter(|dir| !dir.is_empty())?);
    let (pid, port) = (lines.first()?.parse().ok()?, lines.get(3)?.parse().ok()?);
    Some((Server { pid, port, socket_dir }, lines.get(7) == Some(&"ready")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: &str = "812\n/srv/pg/data\n1763906400\n5432\n/tmp/tenantry-0a1b2c3d\n\n  \
                         5432001         7\nready   \n";

    #[test]
    fn reads_what_a_ready_server_wrote() {
        let (server, ready) = parse(READY).unwrap();

        assert_eq!((server.pid, server.port, ready), (812, 5432, true));
        assert_eq!(server.socket_dir, Path::new("/tmp/tenantry-0a1b2c3d"));
    }

    #[test]
    fn is_not_ready_before_the_last_line() {
        let starting = READY.replace("ready   ", "starting");
        let shorter = READY.split_inclusive('\n').take(7).collect::<String>();

        assert!(!parse(&starting).unwrap().1);
        assert!(!parse(&shorter).unwrap().1);
    }

    #[test]
    fn half_a_file_is_no_answer() {
        assert!(parse("").is_none());
        assert!(parse("812\n/srv/pg/data\n1763906400\n5432\n\n").is_none());
    }
}
