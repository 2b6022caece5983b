//! Runs the binary on a terminal of its own (a pty), as wide as a test wants it.

use std::{
    fs::File,
    io::Read as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use nix::{
    pty::{Winsize, openpty},
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// Longest that a command on a terminal may take.
const TAKES: Duration = Duration::from_secs(60);

/// A command that runs on a terminal.
pub(crate) struct OnTerminal {
    child: Child,
    shown: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl OnTerminal {
    /// Starts `tenantry` in `dir` on a terminal of `columns`.
    pub(crate) fn start(dir: &Path, columns: u16, args: &[&str], env: &[(&str, &str)]) -> Self {
        let size = Winsize { ws_row: 50, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).expect("the system has ptys");
        let side = || Stdio::from(pty.slave.try_clone().expect("a descriptor can be copied"));
        let child = Command::new(env!("CARGO_BIN_EXE_tenantry"))
            .args(args)
            .current_dir(dir)
            .env_clear()
            .env("TERM", "xterm-256color")
            .envs(env.iter().copied())
            .stdin(side())
            .stdout(side())
            .stderr(side())
            .spawn()
            .expect("the binary of this very build starts");
        drop(pty.slave);
        let mut master = File::from(pty.master);
        let shown = Arc::new(Mutex::new(Vec::new()));
        let heard = shown.clone();
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The last writer's end is an error here (EIO), and all that was written came before.
            while let Ok(count @ 1..) = master.read(&mut bytes) {
                heard.lock().expect("nobody panics with it").extend_from_slice(&bytes[..count]);
            }
        });
        Self { child, shown, reader }
    }

    /// Waits until it shows this.
    pub(crate) fn until(&self, text: &str) {
        let began = Instant::now();
        while !self.text().contains(text) {
            assert!(began.elapsed() < TAKES, "never shown: {text}; but: {}", self.text());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn text(&self) -> String {
        let shown = self.shown.lock().expect("nobody panics with it");
        String::from_utf8_lossy(&shown).replace("\r\n", "\n")
    }

    /// What Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid is an i32"));
        kill(pid, Signal::SIGINT).expect("the command still runs");
    }

    /// Its exit code (-1 after a signal), and all that it showed.
    pub(crate) fn end(mut self) -> (i32, String) {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                break status;
            }
            assert!(began.elapsed() < TAKES, "the command does not end");
            std::thread::sleep(Duration::from_millis(10));
        };
        self.reader.join().expect("the reader does not panic");
        let shown = self.shown.lock().expect("nobody panics with it");
        (status.code().unwrap_or(-1), String::from_utf8_lossy(&shown).replace("\r\n", "\n"))
    }
}

/// `text` without the sequences that colour it.
pub(crate) fn without_colour(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| {
        plain + part.find(|c: char| c.is_ascii_alphabetic()).map_or("", |at| &part[at + 1..])
    })
}
