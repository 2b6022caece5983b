//! Runs PostgreSQL's programs, in a clean environment and as the right user, and waits for them.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::owner::Owner;

/// Between two looks: a warm start takes 30 ms.
const GLANCE: Duration = Duration::from_millis(5);

/// What `look` finds within `patience`; it looks once in any case. `None` when it finds nothing.
pub(crate) fn poll_until<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + patience;
    loop {
        let found = look();
        if found.is_some() || Instant::now() >= deadline {
            return found;
        }
        thread::sleep(GLANCE);
    }
}

/// A program of `bin`, run as `owner`, with nothing of our environment: PGPORT,
/// LANG and the like would change what it does.
pub(crate) fn command(bin: &Path, program: &str, owner: Option<Owner>) -> Command {
    let mut command = Command::new(bin.join(program));
    // "/" because the user we drop to may be unable to read our directory.
    command.current_dir("/").env_clear().stdin(Stdio::null());
    command.env("LC_ALL", "C").env("TZ", "UTC").env("PATH", "/usr/bin:/bin");
    if let Some(lib) = own_libraries(bin) {
        let name = if cfg!(target_os = "macos") { "DYLD_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };
        command.env(name, lib);
    }
    become_owner(&mut command, owner);
    command
}

/// Makes the command run as `owner`. The standard library drops root's
/// supplementary groups with the user.
pub(crate) fn become_owner(command: &mut Command, owner: Option<Owner>) {
    if let Some(Owner { uid, gid }) = owner {
        command.uid(uid).gid(gid);
    }
}

/// Runs to the end; what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String, Error> {
    let ran = command.stdin(Stdio::null()).output();
    said(Path::new(command.get_program()), ran)
}

/// What a program printed that has come to its end.
pub(crate) fn said(program: &Path, ran: io::Result<Output>) -> Result<String, Error> {
    let program = program.to_owned();
    let ran = ran.map_err(|source| Error::Run { program: program.clone(), source })?;
    if ran.status.success() {
        return Ok(String::from_utf8_lossy(&ran.stdout).into_owned());
    }
    let output = last_lines(&String::from_utf8_lossy(&ran.stderr), 10);
    Err(Error::Tool { program, status: ran.status, output })
}

/// The last `count` lines, without the empty ones at the end.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// A relocated build finds its own libraries only if told where they are.
fn own_libraries(bin: &Path) -> Option<PathBuf> {
    let lib = bin.parent()?.join("lib");
    let relocated = !lib.starts_with("/usr");
    let libpq = ["libpq.so.5", "libpq.5.dylib"].iter().any(|name| lib.join(name).exists());
    (relocated && libpq).then_some(lib)
}
