//! A request's body: no larger than allowed, not too slow, and of a kind that is taken.

use std::{error::Error, iter::successors, sync::Arc};

use axum::{
    body::{Body, BodyDataStream, Bytes, HttpBody as _},
    extract::{FromRequest, Request},
    http::{HeaderMap, Method, StatusCode, header},
};
use domain::MAX_ITEM_BYTES;
use futures::StreamExt as _;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_http::timeout::TimeoutError;

use crate::{
    context::Context,
    http::{auth::Caller, parameters::is_ndjson, problem::Problem},
    submission::parse,
};

/// RFC 7396.
const MERGE_PATCH: &str = "application/merge-patch+json";

/// What kind of document the body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Of a PATCH, a merge patch by that name too.
    Json,
    Ndjson,
}

/// The body of a call about one tenant, not yet read as JSON.
pub(crate) struct Document {
    pub(crate) kind: Kind,
    pub(crate) bytes: Vec<u8>,
    /// Its place among the bodies in memory.
    pub(crate) room: Option<Room>,
}

impl FromRequest<Context> for Document {
    type Rejection = Problem;

    async fn from_request(request: Request, cx: &Context) -> Result<Self, Problem> {
        let kind = kind(request.method(), request.headers())?;
        let mut body = BodyReader::of(cx, request, MAX_ITEM_BYTES);
        let bytes = body.whole().await?;
        Ok(Self { kind, bytes, room: body.into_room() })
    }
}

impl Document {
    /// The text of the one JSON document that `what` is sent as.
    ///
    /// # Errors
    /// 415 when it is lines, 400 with line and column when it is not JSON.
    pub(crate) fn text(&self, what: &str) -> Result<&str, Problem> {
        if self.kind == Kind::Ndjson {
            let detail = format!("{what} is sent as `Content-Type: application/json`");
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Problem::new(status, "unsupported_media_type", detail));
        }
        parse::json_text(&self.bytes)
    }

    /// The document as a tree.
    ///
    /// # Errors
    /// 400 with line and column when it is not JSON; 422 when an object has a field twice: readers differ in
    /// which of the two they take.
    pub(crate) fn json(&self) -> Result<Value, Problem> {
        let text = parse::json_text(&self.bytes)?;
        if let Some(pointer) = domain::repeated_field(text) {
            let message = "the object has this field twice: send it once";
            return Err(Problem::invalid_body(&pointer, "repeated_field", message));
        }
        serde_json::from_str(text).map_err(|e| Problem::not_json(&e))
    }

    /// The same where the body may be left out; null stands for that.
    ///
    /// # Errors
    /// As [`Self::json`].
    pub(crate) fn json_if_any(&self) -> Result<Option<Value>, Problem> {
        if self.bytes.trim_ascii().is_empty() {
            return Ok(None);
        }
        Ok(Some(self.json()?).filter(|body| !body.is_null()))
    }
}

/// What kind of document `headers` announce.
///
/// # Errors
/// 415 when it is one that nothing here takes, or is compressed.
pub(crate) fn kind(method: &Method, headers: &HeaderMap) -> Result<Kind, Problem> {
    let refused =
        |detail| Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail);
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    if encodings.any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(refused("send the body as it is, without `Content-Encoding`"));
    }
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let Some(value) = types.next() else { return Ok(Kind::Json) };
    if types.next().is_some() {
        return Err(refused("send one `Content-Type` header"));
    }
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    match essence.trim().to_ascii_lowercase().as_str() {
        "application/json" => Ok(Kind::Json),
        MERGE_PATCH if method == Method::PATCH => Ok(Kind::Json),
        _ if method == Method::PATCH => {
            Err(refused("send `Content-Type: application/merge-patch+json` or `application/json`"))
        }
        essence if is_ndjson(essence) => Ok(Kind::Ndjson),
        _ => Err(refused("send `Content-Type: application/json` or `application/x-ndjson`")),
    }
}

/// A request body, read piece by piece.
pub(crate) struct BodyReader {
    pieces: BodyDataStream,
    bytes: usize,
    max_bytes: usize,
    /// What its length says it will have; 0 when it says nothing.
    announced: usize,
    /// In KiB: what all bodies in memory may have together.
    all: Arc<Semaphore>,
    /// In KiB: what those of its caller may.
    own: Arc<Semaphore>,
    room: Option<Room>,
}

/// The place of a body among those in memory: of all, and of its caller's share.
#[derive(Debug)]
pub(crate) struct Room {
    all: OwnedSemaphorePermit,
    own: OwnedSemaphorePermit,
}

impl BodyReader {
    /// The body of `request`, of at most `max_bytes`, and of `api.max_body_bytes`.
    pub(crate) fn of(cx: &Context, request: Request, max_bytes: usize) -> Self {
        let max_bytes = max_bytes.min(cx.settings.api.max_body_bytes);
        let caller = request.extensions().get::<Caller>().map(|caller| caller.id);
        let nobodys = || Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        let own = caller.map_or_else(nobodys, |caller| cx.bodies_of.of(caller));
        Self::at_most(max_bytes, (Arc::clone(&cx.bodies), own), request.into_body())
    }

    fn at_most(max_bytes: usize, (all, own): (Arc<Semaphore>, Arc<Semaphore>), body: Body) -> Self {
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        let pieces = body.into_data_stream();
        Self { pieces, bytes: 0, max_bytes, announced, all, own, room: None }
    }

    /// The place it has among the bodies in memory: keep it as long as what arrived.
    pub(crate) fn into_room(self) -> Option<Room> {
        self.room
    }

    /// What arrived next; `None` when all of it has.
    ///
    /// # Errors
    /// 413 as soon as it is larger than allowed, 429 when it and the caller's other bodies in memory
    /// are, 503 when all bodies are, 408 when it stops arriving, 400 when the connection breaks.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let Some(piece) = self.pieces.next().await.transpose().map_err(|e| unreadable(&e))? else {
            return Ok(None);
        };
        self.bytes += piece.len();
        self.make_room()?;
        if self.bytes > self.max_bytes {
            let detail = format!("a body of this call has at most {} bytes", self.max_bytes);
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail));
        }
        Ok(Some(piece))
    }

    fn make_room(&mut self) -> Result<(), Problem> {
        let has = self.room.as_ref().map_or(0, |room| room.all.num_permits());
        let needs = self.bytes.min(self.max_bytes).div_ceil(1024).saturating_sub(has);
        let more = u32::try_from(needs).unwrap_or(u32::MAX);
        let own = Arc::clone(&self.own).try_acquire_many_owned(more);
        let own = own.map_err(|_| Problem::too_many_calls())?;
        let all = Arc::clone(&self.all).try_acquire_many_owned(more);
        let all = all.map_err(|_| Problem::overloaded())?;
        match &mut self.room {
            Some(room) => {
                room.all.merge(all);
                room.own.merge(own);
            }
            none => *none = Some(Room { all, own }),
        }
        Ok(())
    }

    /// All that is still to come.
    pub(crate) async fn whole(&mut self) -> Result<Vec<u8>, Problem> {
        let mut bytes = Vec::with_capacity(self.announced.min(self.max_bytes));
        while let Some(piece) = self.next().await? {
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }
}

fn unreadable(error: &axum::Error) -> Problem {
    let mut causes = successors(Some(error as &(dyn Error + 'static)), |cause| (*cause).source());
    if causes.any(|cause| cause.is::<TimeoutError>()) {
        return Problem::body_timed_out();
    }
    let detail = "the body did not arrive whole";
    Problem::new(StatusCode::BAD_REQUEST, "unreadable_body", detail)
}

#[cfg(test)]
mod tests {
    use std::{io, time::Duration};

    use futures::stream;
    use tower_http::timeout::TimeoutBody;

    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    fn body(pieces: Vec<io::Result<&'static str>>) -> Body {
        Body::from_stream(stream::iter(pieces))
    }

    fn arriving(max_bytes: usize, body: Body) -> BodyReader {
        let rooms = (Arc::new(Semaphore::new(64)), Arc::new(Semaphore::new(64)));
        BodyReader::at_most(max_bytes, rooms, body)
    }

    #[tokio::test]
    async fn puts_the_pieces_together() {
        let mut arriving = arriving(6, body(vec![Ok("ab"), Ok(""), Ok("cdef")]));

        assert_eq!(arriving.whole().await.unwrap(), b"abcdef");
    }

    #[tokio::test]
    async fn ends_with_the_piece_that_is_too_much() {
        let mut arriving = arriving(3, body(vec![Ok("ab"), Ok("cd"), Ok("never asked")]));

        let first = arriving.next().await.unwrap();
        let problem = arriving.next().await.unwrap_err();

        assert_eq!(first.as_deref(), Some(&b"ab"[..]));
        assert_eq!((problem.status().as_u16(), problem.code()), (413, "body_too_large"));
    }

    #[tokio::test]
    async fn tells_a_body_that_broke_off_from_one_that_was_too_slow() {
        let code = async |body| arriving(9, body).whole().await.unwrap_err().code().to_owned();
        let broken = body(vec![Ok("ab"), Err(io::Error::other("reset"))]);
        let silent = Body::from_stream(stream::pending::<io::Result<&str>>());
        let silent = Body::new(TimeoutBody::new(Duration::from_millis(1), silent));

        assert_eq!(code(broken).await, "unreadable_body");
        assert_eq!(code(silent).await, "body_timed_out");
    }

    #[tokio::test]
    async fn bodies_that_are_too_much_together_are_told_to_come_back() {
        let all = Arc::new(Semaphore::new(3));
        let two = || Body::from(vec![b'x'; 2000]);
        let rooms = || (Arc::clone(&all), Arc::new(Semaphore::new(3)));
        let mut first = BodyReader::at_most(4096, rooms(), two());
        let mut second = BodyReader::at_most(4096, rooms(), two());

        first.whole().await.unwrap();
        let refused = second.whole().await.unwrap_err();
        let held = first.into_room();
        let before = all.available_permits();
        drop(held);
        drop(second);

        assert_eq!((refused.status().as_u16(), refused.code()), (503, "overloaded"));
        assert_eq!((before, all.available_permits()), (1, 3));
    }

    #[test]
    fn takes_json_and_lines_of_json_and_nothing_else() {
        let kind = |value| kind(&Method::POST, &headers(header::CONTENT_TYPE, value)).ok();

        assert_eq!(kind("application/json; charset=utf-8"), Some(Kind::Json));
        assert_eq!(kind("Application/X-NDJSON"), Some(Kind::Ndjson));
        assert_eq!(kind("application/x-www-form-urlencoded"), None);
        assert_eq!(super::kind(&Method::POST, &HeaderMap::new()).ok(), Some(Kind::Json));
        let encoded =
            |value| super::kind(&Method::POST, &headers(header::CONTENT_ENCODING, value)).is_ok();
        assert!(encoded("identity") && !encoded("gzip") && !encoded("identity, gzip"));
    }
}
