//! What every process of ours does the same way: stop on a signal, say that it is ready.

use std::{
    fs,
    io::{self, Write},
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Cancels `stop` at the first SIGTERM or SIGINT.
///
/// # Errors
/// When the signals cannot be listened to.
pub fn cancel_on_signal(stop: CancellationToken) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        info!("got {name}; stopping in good order");
        stop.cancel();
    });
    Ok(())
}

/// Writes `content` to `path`, readable by its owner alone, in one step: a reader finds the whole
/// of it or nothing.
///
/// # Errors
/// When the file cannot be written.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".tmp");
    // A draft left by a crash may have other rights.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&draft, path)
}

/// Writes `{"url", "pid"}` of this process to `path`: it answers at `address`.
///
/// # Errors
/// When the file cannot be written.
pub fn write_ready_file(path: &Path, address: SocketAddr) -> io::Result<()> {
    let ready = format!("{{\"url\":\"http://{address}\",\"pid\":{}}}\n", std::process::id());
    write_private(path, ready.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn writes_a_file_that_only_its_owner_can_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ready.json");

        write_ready_file(&path, SocketAddr::from(([127, 0, 0, 1], 80))).unwrap();
        write_ready_file(&path, SocketAddr::from(([127, 0, 0, 1], 81))).unwrap();

        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("http://127.0.0.1:81"), "{text}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
