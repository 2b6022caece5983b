//! The API over real connections, byte by byte.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use domain::Role;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::support::{settings_of, tenant, token};

/// How long anything here may take that takes milliseconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Served {
    pub(crate) db: Arc<harness::Db>,
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
    pub(crate) stop: CancellationToken,
    running: JoinHandle<anyhow::Result<()>>,
}

impl Served {
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        let db = Arc::new(harness::fresh_db().await);
        let token = token(&db, "olga", Role::Operator).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let running = tokio::spawn(api::run(settings_of(&db, settings), listener, stop.clone()));
        Self { db, address, token, stop, running }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// From another address of this machine.
    pub(crate) async fn connect_from(&self, address: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(address.parse().unwrap(), 0)).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    /// A call that stays in work until it is dropped, since its body does not arrive whole; and what
    /// `call` is answered meanwhile. Another call may have the place first: then it is tried again.
    pub(crate) async fn held_up(&self, call: &str, wanted: u16) -> (TcpStream, String) {
        let holding = async {
            let mut held = self.begin_a_call().await;
            loop {
                let answer = self.say(call).await;
                if status(&answer) == wanted {
                    return (held, answer);
                }
                let mut byte = [0];
                let refused = timeout(Duration::from_millis(5), held.read(&mut byte)).await.is_ok();
                if refused {
                    held = self.begin_a_call().await;
                }
            }
        };
        timeout(PATIENCE, holding).await.expect("a call is held up")
    }

    async fn begin_a_call(&self) -> TcpStream {
        let whole = self.post("/api/v1/tenants", "", &tenant(1).to_string());
        let mut stream = self.connect().await;
        stream.write_all(&whole.as_bytes()[..whole.len() - 1]).await.unwrap();
        stream
    }

    /// Sends `request` and reads whatever comes until the connection is closed.
    pub(crate) async fn say(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        everything(&mut stream).await
    }

    pub(crate) fn get(&self, path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", self.token)
    }

    pub(crate) fn post(&self, path: &str, headers: &str, body: &str) -> String {
        format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n{headers}\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        )
    }

    pub(crate) async fn end(self) {
        self.stop.cancel();
        timeout(PATIENCE, self.running).await.expect("it ends").unwrap().unwrap();
    }
}

pub(crate) async fn everything(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("it is closed").unwrap();
    String::from_utf8(answer).unwrap()
}

/// One answer with a body of known length, on a connection that stays open.
pub(crate) async fn one_answer(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    loop {
        if let Some((head, body)) = answer.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |n| n.parse().unwrap()) {
                return answer;
            }
        }
        let mut piece = [0; 4096];
        let n = timeout(PATIENCE, stream.read(&mut piece)).await.expect("it answers").unwrap();
        assert!(n > 0, "closed after {answer:?}");
        answer.push_str(std::str::from_utf8(&piece[..n]).unwrap());
    }
}

pub(crate) fn status(answer: &str) -> u16 {
    let word = answer.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {answer:?}"));
    word.parse().unwrap()
}
