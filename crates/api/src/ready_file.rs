//! Tells whoever started us that we answer, and where.

use std::{
    fs, io,
    io::Write as _,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    process,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::sleep,
};

/// Between two tries to reach ourselves.
const AGAIN: Duration = Duration::from_millis(20);

/// Waits until `/healthz` answers at `address`, then writes `{"url", "pid"}` to `path`, readable by
/// the owner only. The file appears whole or not at all.
pub(crate) async fn announce(path: &Path, address: SocketAddr) -> io::Result<()> {
    let address = reachable(address);
    while !answers(address).await.unwrap_or(false) {
        sleep(AGAIN).await;
    }
    let url = format!("http://{address}");
    let body = serde_json::json!({ "url": url, "pid": process::id() });
    write(path, &format!("{body}\n"))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(format!(".{}", process::id()));
    let part = Path::new(&part);
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(part)?;
    file.write_all(text.as_bytes())?;
    fs::rename(part, path)
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
    use super::*;

    #[test]
    fn names_an_address_that_can_be_called() {
        let all: SocketAddr = "0.0.0.0:80".parse().unwrap();
        let one: SocketAddr = "10.1.2.3:80".parse().unwrap();

        assert_eq!(reachable(all).to_string(), "127.0.0.1:80");
        assert_eq!(reachable(one), one);
    }
}
