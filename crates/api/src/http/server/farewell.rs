//! The last answer on a connection, written without the HTTP machinery.

use std::{io::Write as _, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tracing::debug;

/// How long a connection that we close may still send: closed with something unread, the system
/// would tell the other side of a failure, and it might never read our answer.
const LINGER: Duration = Duration::from_millis(500);

/// Sent when even the overflow lane is full.
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: application/problem+json\r\n\
    x-content-type-options: nosniff\r\n\
    content-length: 173\r\n\
    retry-after: 1\r\n\
    connection: close\r\n\r\n\
    {\"type\":\"urn:tenantry:problem:overloaded\",\"title\":\"Service Unavailable\",\"status\":503,\
    \"code\":\"overloaded\",\"detail\":\"too many connections; come back when Retry-After says so\"}";

/// Sent when the head of a request did not arrive in time.
const TOO_SLOW: &[u8] = b"HTTP/1.1 408 Request Timeout\r\n\
    content-type: application/problem+json\r\n\
    x-content-type-options: nosniff\r\n\
    content-length: 162\r\n\
    connection: close\r\n\r\n\
    {\"type\":\"urn:tenantry:problem:head_timed_out\",\"title\":\"Request Timeout\",\"status\":408,\
    \"code\":\"head_timed_out\",\"detail\":\"the request's head did not arrive in time\"}";

/// Turns a connection away at once, whatever it wanted; [`close`] it next. `None` when the other
/// side is gone.
pub(super) fn busy(stream: TcpStream) -> Option<TcpStream> {
    // A fresh connection's buffer takes this without waiting.
    let told = stream.into_std().and_then(|mut stream| {
        stream.write_all(BUSY)?;
        TcpStream::from_std(stream)
    });
    told.inspect_err(|error| debug!(%error, "a connection that was one too many is gone: {error}"))
        .ok()
}

pub(super) async fn too_slow(mut stream: TcpStream) {
    // Fails when the other side is gone: then there is no caller to tell.
    if stream.write_all(TOO_SLOW).await.is_ok() {
        close(stream).await;
    }
}

/// Closes in good order: our side first, then theirs, or when they take too long.
pub(super) async fn close(mut stream: TcpStream) {
    let leaving = async {
        stream.shutdown().await?;
        let mut rest = [0; 4096];
        while stream.read(&mut rest).await? > 0 {}
        Ok::<(), std::io::Error>(())
    };
    // Gone, done or too slow: it ends here in every case.
    let _ended = timeout(LINGER, leaving).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_long_its_words_are_and_they_are_json() {
        for words in [BUSY, TOO_SLOW] {
            let text = std::str::from_utf8(words).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();

            let json: serde_json::Value = serde_json::from_str(body).unwrap();
            assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{text}");
            assert!(head.starts_with(&format!("HTTP/1.1 {} ", json["status"])), "{text}");
            let kind = format!("urn:tenantry:problem:{}", json["code"].as_str().unwrap());
            assert_eq!(json["type"], kind);
        }
    }
}
