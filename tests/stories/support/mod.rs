//! What the stories share: a whole system of real processes on a database of its own.

mod binaries;
mod census;
mod client;
mod eventually;
mod process;
mod sample;
mod system;

pub(crate) use binaries::binary;
pub(crate) use census::{installation, orphans, roles, schemas};
pub(crate) use client::{Answer, Client, keys_of};
pub(crate) use eventually::{eventually, within};
pub(crate) use process::{Environment, Process, Ran, examine, run};
pub(crate) use sample::{tenant, tenants};
pub(crate) use system::{Revealed, System, environment};

/// Says something that is seen also when the test passes: a number that the promise asks for.
pub(crate) fn tell(line: &str) {
    use std::io::Write as _;

    let mut stderr = std::io::stderr().lock();
    writeln!(stderr, "  {line}").expect("standard error takes a line");
}
