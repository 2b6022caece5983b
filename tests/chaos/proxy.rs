//! A TCP proxy before PostgreSQL that can cut a connection, let it go dead on both sides, or lose
//! the answer to a COMMIT.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
};

/// A COMMIT as sqlx sends it: the text of a simple query.
const COMMIT: &[u8] = b"COMMIT\0";

/// What a link is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Forward,
    /// Neither side hears of the other, and neither is told.
    Stall,
    Cut,
}

/// A proxy before one server.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    socket: PathBuf,
    links: Mutex<BTreeMap<u64, watch::Sender<Order>>>,
    /// Answers to COMMIT that are still to be lost.
    to_lose: AtomicU64,
    lost: AtomicU64,
}

impl Proxy {
    /// Listens on TCP and forwards to the server that listens on `socket`.
    pub(crate) async fn start(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::new(Shared {
            socket,
            links: Mutex::default(),
            to_lose: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        });
        tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { port, shared }
    }

    /// Where `database` is for those who come through here.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// The open connections, in the order they were made.
    pub(crate) fn links(&self) -> Vec<u64> {
        self.shared.links().keys().copied().collect()
    }

    /// Closes these connections on both sides: how many were open.
    pub(crate) fn cut(&self, links: &[u64]) -> u64 {
        self.shared.order(links, Order::Cut)
    }

    /// From now on nothing passes through these connections, and they stay open: how many.
    pub(crate) fn stall(&self, links: &[u64]) -> u64 {
        self.shared.order(links, Order::Stall)
    }

    /// The next `n` COMMITs reach the server; their answers and the connections are lost.
    pub(crate) fn lose_commits(&self, n: u64) {
        self.shared.to_lose.fetch_add(n, Ordering::SeqCst);
    }

    /// Lets the COMMITs that did not come yet keep their answers: how many answers were lost
    /// since this was asked last.
    pub(crate) fn commits_lost(&self) -> u64 {
        self.shared.to_lose.store(0, Ordering::SeqCst);
        self.shared.lost.swap(0, Ordering::SeqCst)
    }
}

impl Shared {
    fn links(&self) -> MutexGuard<'_, BTreeMap<u64, watch::Sender<Order>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn order(&self, links: &[u64], order: Order) -> u64 {
        let all = self.links();
        let told = links.iter().filter_map(|link| all.get(link)?.send(order).ok());
        told.count() as u64
    }

    fn loses_this_commit(&self) -> bool {
        let less = |left: u64| left.checked_sub(1);
        self.to_lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut next = 0;
    while let Ok((client, _)) = listener.accept().await {
        // No server: the client sees its connection closed.
        let Ok(server) = UnixStream::connect(&shared.socket).await else { continue };
        client.set_nodelay(true).ok();
        let (sender, orders) = watch::channel(Order::Forward);
        let link = next;
        next += 1;
        shared.links().insert(link, sender);
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            forward(client, server, orders, &shared).await;
            shared.links().remove(&link);
        });
    }
}

/// Carries bytes until either side closes, or the link is cut.
async fn forward(
    mut client: TcpStream,
    mut server: UnixStream,
    mut orders: watch::Receiver<Order>,
    shared: &Shared,
) {
    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        let order = *orders.borrow_and_update();
        tokio::select! {
            // What was ordered comes before what has arrived.
            biased;
            changed = orders.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = std::future::ready(()), if order == Order::Cut => return,
            read = client.read(&mut up), if order == Order::Forward => {
                let Ok(n @ 1..) = read else { return };
                if server.write_all(&up[..n]).await.is_err() {
                    return;
                }
                let commits = up[..n].windows(COMMIT.len()).any(|window| window == COMMIT);
                if commits && shared.loses_this_commit() {
                    // The answer is waited for, so that the commit has happened, and dropped.
                    if server.read(&mut down).await.is_ok_and(|n| n > 0) {
                        shared.lost.fetch_add(1, Ordering::SeqCst);
                    }
                    return;
                }
            }
            read = server.read(&mut down), if order == Order::Forward => {
                let Ok(n @ 1..) = read else { return };
                if client.write_all(&down[..n]).await.is_err() {
                    return;
                }
            }
        }
    }
}
