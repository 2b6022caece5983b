//! A proxy that can lose the answer to a COMMIT: the server commits, the client never hears.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use sqlx::postgres::PgConnectOptions;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
};

pub(crate) struct LossyProxy {
    pub(crate) url: String,
    lose: Arc<AtomicBool>,
}

impl LossyProxy {
    /// Listens on TCP and forwards to the server behind `url`, which listens on a socket.
    pub(crate) async fn start(url: &str) -> Self {
        let behind: PgConnectOptions = url.parse().expect("a PostgreSQL URL");
        let folder = behind.get_socket().expect("a server on a socket");
        let socket = folder.join(format!(".s.PGSQL.{}", behind.get_port()));
        let database = behind.get_database().expect("a database").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let lose = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&lose);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&socket).await.expect("the server listens");
                tokio::spawn(forward(client, server, Arc::clone(&flag)));
            }
        });
        let url = format!("postgres://postgres@127.0.0.1:{port}/{database}?sslmode=disable");
        Self { url, lose }
    }

    /// The next COMMIT reaches the server, its answer is lost and so is the connection.
    pub(crate) fn lose_the_next_commit(&self) {
        self.lose.store(true, Ordering::SeqCst);
    }
}

async fn forward(mut client: TcpStream, mut server: UnixStream, lose: Arc<AtomicBool>) {
    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let Ok(n @ 1..) = read else { return };
                server.write_all(&up[..n]).await.expect("the server reads");
                let commit = up[..n].windows(6).any(|w| w == b"COMMIT");
                if commit && lose.swap(false, Ordering::SeqCst) {
                    // Wait for the answer, so that the commit has happened, and drop it.
                    let answered = server.read(&mut down).await.expect("the server answers");
                    assert!(answered > 0);
                    return;
                }
            }
            read = server.read(&mut down) => {
                let Ok(n @ 1..) = read else { return };
                if client.write_all(&down[..n]).await.is_err() {
                    return;
                }
            }
        }
    }
}
