//! Runs the binary as a person would, in a directory and an environment of its own.

use std::{
    path::Path,
    process::{Command, Output},
};

/// What the program did.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Its exit code; -1 after a signal.
    pub(crate) code: i32,
    /// What it said as its result.
    pub(crate) out: String,
    /// What it said beside that.
    pub(crate) err: String,
}

/// `tenantry` in `dir`, with nothing of our own environment but `env`.
pub(crate) fn tenantry(dir: &Path, args: &[&str], env: &[(&str, &str)]) -> Ran {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_tenantry"))
        .args(args)
        .current_dir(dir)
        .env_clear()
        .envs(env.iter().copied())
        .output()
        .expect("the binary of this very build starts");
    let text = |bytes| String::from_utf8(bytes).expect("it prints UTF-8");
    Ran { code: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
}

/// Whether `text` would do anything but print on a terminal.
#[allow(dead_code, reason = "not every test binary looks at what is printed")]
pub(crate) fn is_plain(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '\n' | '\t') || !c.is_control())
}

#[allow(dead_code, reason = "not every test binary looks at a terminal")]
pub(crate) mod terminal;

#[allow(dead_code, reason = "not every test binary speaks with a server")]
pub(crate) mod broken_tls;
