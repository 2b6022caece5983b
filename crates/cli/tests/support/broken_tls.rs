//! A server that offers TLS and then speaks none.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, UnixStream},
};

/// The URL of one that has `db` behind it, without a query.
pub(crate) async fn before(db: &harness::Db) -> String {
    let options = db.pool.connect_options();
    let folder = options.get_socket().expect("a test's server has a socket").display();
    let port = serve(format!("{folder}/.s.PGSQL.{}", options.get_port())).await;
    let (user, database) = (options.get_username(), options.get_database().unwrap_or_default());
    format!("postgres://{user}@127.0.0.1:{port}/{database}")
}

async fn serve(behind: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket works");
    let port = listener.local_addr().expect("a socket works").port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut first = [0; 8];
            client.read_exact(&mut first).await.expect("a socket works");
            // The code of an SSLRequest; other clients begin with a startup message.
            if first[4..] == 80_877_103_u32.to_be_bytes() {
                client.write_all(b"Sno TLS in here").await.expect("a socket works");
                continue;
            }
            let mut server = UnixStream::connect(&behind).await.expect("a socket works");
            server.write_all(&first).await.expect("a socket works");
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
        }
    });
    port
}
