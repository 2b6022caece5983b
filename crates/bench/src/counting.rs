//! Counts what goes between the system and the server: a proxy before the server's socket that
//! reads the server's answers as they pass.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
};

#[derive(Debug, Default)]
pub(crate) struct Counts {
    round_trips: AtomicU64,
    statements: AtomicU64,
    commits: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Passed {
    /// Messages of the client that the server answered with "ready for the next".
    pub(crate) round_trips: f64,
    /// Statements that were completed, those of one message each by itself.
    pub(crate) statements: f64,
    /// Transactions that were committed, those of a single statement too, read-only ones as well.
    pub(crate) commits: f64,
}

impl Counts {
    /// What has passed since the last call; it counts from zero again.
    pub(crate) fn take(&self) -> Passed {
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed) as f64;
        Passed {
            round_trips: take(&self.round_trips),
            statements: take(&self.statements),
            commits: take(&self.commits),
        }
    }
}

/// Starts a proxy before `socket`: its port, and its counts.
pub(crate) async fn start(socket: PathBuf) -> anyhow::Result<(u16, Arc<Counts>)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    let counts = Arc::new(Counts::default());
    let counted = Arc::clone(&counts);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (socket, counts) = (socket.clone(), Arc::clone(&counted));
            tokio::spawn(async move {
                // An error ends the session, and its client sees that.
                let _ = pass(client, socket, &counts).await;
            });
        }
    });
    Ok((port, counts))
}

async fn pass(client: TcpStream, socket: PathBuf, counts: &Counts) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let server = UnixStream::connect(socket).await?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = tokio::io::copy(&mut from_client, &mut to_server);
    let down = async {
        let mut reader = Reader::default();
        let mut buffer = vec![0; 64 << 10];
        loop {
            let read = from_server.read(&mut buffer).await?;
            if read == 0 {
                return Ok::<(), std::io::Error>(());
            }
            reader.read(&buffer[..read], counts);
            to_client.write_all(&buffer[..read]).await?;
        }
    };
    tokio::select! {
        done = up => done.map(|_| ()),
        done = down => done,
    }
}

/// Reads the server's messages: a letter, four bytes of length that count themselves, the rest.
#[derive(Debug, Default)]
struct Reader {
    pending: Vec<u8>,
    /// Statements completed since the session was last outside a transaction.
    completed: u64,
    /// Whether the last statement completed was a ROLLBACK, or an error came after it.
    undone: bool,
}

impl Reader {
    fn read(&mut self, bytes: &[u8], counts: &Counts) {
        self.pending.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(header) = self.pending.get(at..at + 5) {
            let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize;
            let Some(body) = self.pending.get(at + 5..at + 1 + length) else { break };
            let (completed, undone) = (&mut self.completed, &mut self.undone);
            match header[0] {
                b'C' => {
                    counts.statements.fetch_add(1, Ordering::Relaxed);
                    *completed += 1;
                    *undone = body.starts_with(b"ROLLBACK");
                }
                b'E' => *undone = true,
                b'Z' => {
                    counts.round_trips.fetch_add(1, Ordering::Relaxed);
                    if body == b"I" {
                        if *completed > 0 && !*undone {
                            counts.commits.fetch_add(1, Ordering::Relaxed);
                        }
                        (*completed, *undone) = (0, false);
                    }
                }
                _ => {}
            }
            at += 1 + length;
        }
        self.pending.drain(..at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut message = vec![kind];
        message.extend_from_slice(&u32::try_from(body.len() + 4).unwrap().to_be_bytes());
        message.extend_from_slice(body);
        message
    }

    #[test]
    fn counts_round_trips_statements_and_commits() {
        let (counts, mut reader) = (Counts::default(), Reader::default());
        let answers = [
            message(b'C', b"BEGIN\0"),
            message(b'Z', b"T"),
            message(b'C', b"INSERT 0 1\0"),
            message(b'C', b"COMMIT\0"),
            message(b'Z', b"I"),
            message(b'C', b"SELECT 1\0"),
            message(b'Z', b"I"),
            message(b'C', b"ROLLBACK\0"),
            message(b'Z', b"I"),
        ]
        .concat();

        // In pieces, as a network delivers them.
        for piece in answers.chunks(3) {
            reader.read(piece, &counts);
        }

        let passed = counts.take();
        let found = (passed.round_trips, passed.statements, passed.commits);
        assert_eq!(found, (4.0, 5.0, 2.0));
    }
}
