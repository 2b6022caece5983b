//! Takes connections, as many as there is room for, and ends them in good order.
//!
//! A connection beyond `api.max_connections`, or beyond its address's share, gets a place in a small
//! overflow lane: one request, one second to send it, and the answer is 503 with `Retry-After`,
//! except for the health of the process. When that lane is full too, every connection gets the 503
//! at once.
//!
//! After `stop` nothing new is accepted. What was accepted gets its answer: the request in work,
//! and the first request of a connection that has just come. Idle connections are closed.

mod connection;
mod farewell;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use settings::Network;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, warn};

use connection::{Kind, Rules};

use crate::http::{seldom::Seldom, shares::Shares};

/// Connections of the overflow lane. Small: each lasts for a second at most.
const LANE: usize = 64;

/// Connections told to come back that have yet to hear it.
const LEAVING: usize = 256;

/// Longest that a connection of the overflow lane has to send its request, in milliseconds.
const LANE_HEADER_MS: u64 = 1000;

/// Pause after accepting failed for want of a resource, such as file descriptors.
const REST: Duration = Duration::from_millis(200);

/// Serves `router` on `listener` until `stop`, and returns when the last connection is closed.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    api: &settings::Api,
    stop: &CancellationToken,
) {
    let mut server = Server::new(router, api, stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => server.take(stream, peer),
            Err(error) => after_failure(error).await,
        }
    }
    if let Err(error) = server.take_the_last(listener) {
        warn!(%error, "could not take the connections that were waiting: {error}");
    }
    server.open.close();
    server.open.wait().await;
}

/// A connection that is gone already is no error of ours; any other failure may last.
async fn after_failure(error: io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        error!(%error, "could not accept a connection: {error}");
        sleep(REST).await;
    }
}

/// Counts a connection that was one too many for `setting`.
fn note(shed: &mut Seldom, setting: &str) {
    if let Some(connections) = shed.count() {
        warn!(
            connections,
            "{setting} is reached; {connections} more connections were told to come back"
        );
    }
}

struct Server {
    router: Router,
    room: Arc<Semaphore>,
    shares: Shares<IpAddr>,
    trusted_proxies: Vec<Network>,
    lane: Arc<Semaphore>,
    leaving: Arc<Semaphore>,
    rules: Rules,
    lane_rules: Rules,
    open: TaskTracker,
    shed: Seldom,
    shed_of_one: Seldom,
    stop: CancellationToken,
}

impl Server {
    fn new(router: Router, api: &settings::Api, stop: &CancellationToken) -> Self {
        let rules = |kind, header_timeout_ms| Rules {
            kind,
            header_timeout: Duration::from_millis(header_timeout_ms),
            max_header_bytes: api.max_header_bytes,
        };
        Self {
            router,
            room: Arc::new(Semaphore::new(api.max_connections)),
            shares: Shares::new(api.max_connections_per_address),
            trusted_proxies: api.trusted_proxies.clone(),
            lane: Arc::new(Semaphore::new(LANE)),
            leaving: Arc::new(Semaphore::new(LEAVING)),
            rules: rules(Kind::Welcome, api.header_timeout_ms),
            lane_rules: rules(Kind::OneTooMany, api.header_timeout_ms.min(LANE_HEADER_MS)),
            open: TaskTracker::new(),
            shed: Seldom::new(),
            shed_of_one: Seldom::new(),
            stop: stop.clone(),
        }
    }

    fn take(&mut self, stream: TcpStream, peer: SocketAddr) {
        let (place, rules) = match self.place_for(peer.ip().to_canonical()) {
            Some(place) => (place, self.rules),
            None => match Arc::clone(&self.lane).try_acquire_owned() {
                Ok(place) => (vec![place], self.lane_rules),
                Err(_) => return self.turn_away(stream),
            },
        };
        let (router, stop) = (self.router.clone(), self.stop.clone());
        self.open.spawn(async move {
            connection::serve(stream, peer, router, rules, stop).await;
            drop(place);
        });
    }

    /// A place among all connections and in the share of `address`; `None` when either is full.
    fn place_for(&mut self, address: IpAddr) -> Option<Vec<OwnedSemaphorePermit>> {
        let mut place = Vec::with_capacity(2);
        if !self.trusted_proxies.iter().any(|proxies| proxies.contains(address)) {
            let Some(share) = self.shares.take(address) else {
                note(&mut self.shed_of_one, "api.max_connections_per_address");
                return None;
            };
            place.push(share);
        }
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else {
            note(&mut self.shed, "api.max_connections");
            return None;
        };
        place.push(room);
        Some(place)
    }

    fn turn_away(&self, stream: TcpStream) {
        let Some(stream) = farewell::busy(stream) else { return };
        // Without a place there is no time to be polite: dropped, it is closed at once.
        if let Ok(place) = Arc::clone(&self.leaving).try_acquire_owned() {
            self.open.spawn(async move {
                farewell::close(stream).await;
                drop(place);
            });
        }
    }

    /// Connections that the system accepted for us: their callers believe that they are connected.
    fn take_the_last(&mut self, listener: TcpListener) -> io::Result<()> {
        let listener = listener.into_std()?;
        loop {
            match listener.accept() {
                Ok((stream, peer)) => {
                    stream.set_nonblocking(true)?;
                    self.take(TcpStream::from_std(stream)?, peer);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}
