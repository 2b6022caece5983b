//! One connection from its first byte to its last.

use std::{convert::Infallible, future::poll_fn, net::SocketAddr, pin::Pin, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderValue, header::CONNECTION},
    response::Response,
};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpStream, time::timeout};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tracing::debug;

use super::farewell;
use crate::http::admission::OneTooMany;

const MAX_HEADERS: usize = 100;

/// What is read ahead at least: a body comes in pieces of up to this many bytes.
const READ_AHEAD: usize = 64 * 1024;

/// How long after the stop a connection that has not said anything yet may still say it.
const FIRST_WORD: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Welcome,
    /// It is told to come back, and closed.
    OneTooMany,
}

/// What a connection may do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) kind: Kind,
    pub(super) header_timeout: Duration,
    pub(super) max_header_bytes: usize,
}

impl Rules {
    fn http(&self) -> http1::Builder {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .max_headers(MAX_HEADERS)
            .max_header_size(self.max_header_bytes)
            .max_buf_size(self.max_header_bytes.max(READ_AHEAD))
            // A caller that has said all it has to say still reads its answer.
            .half_close(true)
            .keep_alive(self.kind == Kind::Welcome);
        http
    }
}

/// Serves requests of `stream` until either side closes, or until `stop` and the one in work is
/// answered.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    rules: Rules,
    stop: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%peer, %error, "could not speed up a connection: {error}");
    }
    let begun = CancellationToken::new();
    let (heard, stopping) = (begun.clone(), stop.clone());
    let service = service_fn(move |mut request: Request<Incoming>| {
        heard.cancel();
        request.extensions_mut().insert(ConnectInfo(peer));
        if rules.kind == Kind::OneTooMany {
            request.extensions_mut().insert(OneTooMany);
        }
        Box::pin(answer(router.clone(), request, stopping.clone()))
    });
    let mut connection = rules.http().serve_connection(TokioIo::new(stream), service);
    let mut leaving = false;
    let ended = loop {
        tokio::select! {
            // First: what has arrived by the time of the stop is read before it counts as idle.
            biased;
            ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => break ended,
            () = time_to_leave(&stop, &begun), if !leaving => leaving = true,
        }
        Pin::new(&mut connection).graceful_shutdown();
    };
    let parts = connection.into_parts();
    let stream = parts.io.into_inner();
    match ended {
        Err(error) if error.is_timeout() && !parts.read_buf.is_empty() => {
            farewell::too_slow(stream).await;
        }
        Err(error) => {
            debug!(%peer, %error, "a connection ended early: {error}");
            farewell::close(stream).await;
        }
        Ok(()) => farewell::close(stream).await,
    }
}

/// Returns when the connection is to end with the request in work, if there is one.
async fn time_to_leave(stop: &CancellationToken, begun: &CancellationToken) {
    stop.cancelled().await;
    // A caller that has just connected has its request on the way.
    let _waited = timeout(FIRST_WORD, begun.cancelled()).await;
}

/// The router's answer; one that is given after the stop says that it is the last.
async fn answer(
    router: Router,
    request: Request<Incoming>,
    stop: CancellationToken,
) -> Result<Response, Infallible> {
    let mut response = router.oneshot(request.map(Body::new)).await?;
    if stop.is_cancelled() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}
