//! A request's body as it arrives: no larger than allowed, and not too slowly.

use std::error::Error;

use axum::{
    body::{Body, BodyDataStream, Bytes},
    extract::Request,
    http::StatusCode,
};
use futures::StreamExt as _;
use tower_http::timeout::TimeoutError;

use crate::{context::Context, problem::Problem};

/// A body of which something may be still to come.
pub(crate) struct Arriving {
    pieces: BodyDataStream,
    bytes: usize,
    max_bytes: usize,
}

impl Arriving {
    /// The body of `request`, as large as `api.max_body_bytes` at most.
    pub(crate) fn of(cx: &Context, request: Request) -> Self {
        Self::at_most(cx.settings().api.max_body_bytes, request.into_body())
    }

    fn at_most(max_bytes: usize, body: Body) -> Self {
        Self { pieces: body.into_data_stream(), bytes: 0, max_bytes }
    }

    /// What arrived next; `None` when all of it has.
    ///
    /// # Errors
    /// 413 as soon as it is larger than allowed, 408 when it stops to arrive, 400 when the
    /// connection breaks.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let Some(piece) = self.pieces.next().await.transpose().map_err(|e| unreadable(&e))? else {
            return Ok(None);
        };
        self.bytes += piece.len();
        if self.bytes > self.max_bytes {
            let detail = format!("a body has at most {} bytes", self.max_bytes);
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail));
        }
        Ok(Some(piece))
    }

    /// All that is still to come.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub(crate) async fn whole(mut self) -> Result<Vec<u8>, Problem> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.next().await? {
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }
}

fn unreadable(error: &axum::Error) -> Problem {
    if has_timed_out(error) {
        return Problem::body_timed_out();
    }
    let detail = "the body did not arrive whole";
    Problem::new(StatusCode::BAD_REQUEST, "unreadable_body", detail)
}

/// Whether the body stopped to arrive.
fn has_timed_out(error: &(dyn Error + 'static)) -> bool {
    let mut error = Some(error);
    while let Some(cause) = error {
        if cause.is::<TimeoutError>() {
            return true;
        }
        error = cause.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use std::{io, time::Duration};

    use futures::stream;
    use tower_http::timeout::TimeoutBody;

    use super::*;

    fn body(pieces: Vec<io::Result<&'static str>>) -> Body {
        Body::from_stream(stream::iter(pieces))
    }

    #[tokio::test]
    async fn puts_the_pieces_together() {
        let arriving = Arriving::at_most(6, body(vec![Ok("ab"), Ok(""), Ok("cdef")]));

        assert_eq!(arriving.whole().await.unwrap(), b"abcdef");
    }

    #[tokio::test]
    async fn ends_with_the_piece_that_is_too_much() {
        let mut arriving = Arriving::at_most(3, body(vec![Ok("ab"), Ok("cd"), Ok("never asked")]));

        let first = arriving.next().await.unwrap();
        let problem = arriving.next().await.unwrap_err();

        assert_eq!(first.as_deref(), Some(&b"ab"[..]));
        assert_eq!((problem.status().as_u16(), problem.code()), (413, "body_too_large"));
    }

    #[tokio::test]
    async fn tells_a_body_that_broke_off_from_one_that_was_too_slow() {
        let code =
            async |body| Arriving::at_most(9, body).whole().await.unwrap_err().code().to_owned();
        let broken = body(vec![Ok("ab"), Err(io::Error::other("reset"))]);
        let silent = Body::from_stream(stream::pending::<io::Result<&str>>());
        let silent = Body::new(TimeoutBody::new(Duration::from_millis(1), silent));

        assert_eq!(code(broken).await, "unreadable_body");
        assert_eq!(code(silent).await, "body_timed_out");
    }
}
