//! What every process of ours does the same way: stop on a signal, say that it is ready.

use std::{
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    pin::pin,
    time::Duration,
};

use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    signal::unix::{SignalKind, signal},
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Between two tries to reach ourselves.
const AGAIN: Duration = Duration::from_millis(20);

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
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut draft = NamedTempFile::new_in(folder)?;
    draft.write_all(content)?;
    draft.as_file().sync_all()?;
    draft.persist(path)?;
    Ok(())
}

/// Runs `serving`, which listens at `address` until `stop`; writes `{"url", "pid"}` to `ready_file`
/// once `/healthz` answers there. When that file cannot be written, `stop` is cancelled: whoever
/// waits for it would wait for ever.
///
/// # Errors
/// Beside what came of `serving`: when the file cannot be written.
pub async fn announced<T>(
    serving: impl Future<Output = T>,
    ready_file: Option<&Path>,
    address: SocketAddr,
    stop: &CancellationToken,
) -> (T, io::Result<()>) {
    let Some(path) = ready_file else { return (serving.await, Ok(())) };
    let mut serving = pin!(serving);
    let announced = tokio::select! {
        served = &mut serving => return (served, Ok(())),
        announced = announce(path, address) => announced,
    };
    if announced.is_err() {
        stop.cancel();
    }
    (serving.await, announced)
}

async fn announce(path: &Path, address: SocketAddr) -> io::Result<()> {
    let address = reachable(address);
    while !answers(address).await.unwrap_or(false) {
        sleep(AGAIN).await;
    }
    let ready = format!("{{\"url\":\"http://{address}\",\"pid\":{}}}\n", std::process::id());
    write_private(path, ready.as_bytes())
}

/// An address that means "all of mine" cannot be called; the loopback one can.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

async fn answers(address: SocketAddr) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /healthz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer.starts_with(b"HTTP/1.1 200"))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn writes_a_file_that_only_its_owner_can_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");

        write_private(&path, b"one").unwrap();
        write_private(&path, b"two").unwrap();

        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn names_an_address_that_can_be_called() {
        let all: SocketAddr = "0.0.0.0:80".parse().unwrap();
        let one: SocketAddr = "10.1.2.3:80".parse().unwrap();

        assert_eq!(reachable(all).to_string(), "127.0.0.1:80");
        assert_eq!(reachable(one), one);
    }

    #[tokio::test]
    async fn a_process_that_ends_before_it_answers_is_not_announced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ready.json");
        let closed: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let stop = CancellationToken::new();

        let served = announced(async { "ended" }, Some(&path), closed, &stop).await;

        assert!(matches!(served, ("ended", Ok(()))));
        assert!(!path.exists() && !stop.is_cancelled());
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_written_stops_the_process() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let ok = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        let serving = stop.run_until_cancelled(async {
            loop {
                let (mut caller, _) = listener.accept().await.unwrap();
                caller.write_all(ok).await.unwrap();
            }
        });

        let nowhere = Path::new("/nowhere/at/all");
        let (served, written) = announced(serving, Some(nowhere), address, &stop).await;

        assert!(served.is_none_or(|()| false));
        assert!(written.is_err());
    }
}
