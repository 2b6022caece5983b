//! Reads a submission's body while it arrives, and cuts it into slices, one a tenant.
//!
//! A tenant as a tree of JSON values takes ten times the memory of its text. So the text is kept, and
//! only a chunk of tenants at a time is more than text. No connection to the database is in use
//! meanwhile: how long a body takes is up to the caller.

use std::{borrow::Cow, fmt, ops::Range};

use axum::{extract::Request, http::StatusCode};
use chrono::{DateTime, Utc};
use domain::Mode;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use tokio::task::spawn_blocking;

use super::parse::{self, WellFormed};
use crate::{
    context::Context,
    http::{
        body::{self, BodyReader, Kind, Room},
        problem::Problem,
    },
};

/// Bytes of lines that arrive before they are read: what one visit to another thread is worth.
const READ_AT_ONCE: usize = 64 << 10;

#[derive(Debug)]
pub(crate) struct SentBatch {
    /// At least one.
    pub(crate) tenants: Slices,
    pub(crate) mode: Mode,
    /// Not to be set going before.
    pub(crate) run_at: Option<DateTime<Utc>>,
}

/// How a batch is to be done, in the words of a query or a body.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct How {
    /// How the tenants hang together, where the body does not say: `independent`.
    #[param(value_type = Option<Mode>)]
    pub(crate) mode: Option<String>,
    /// When to start (RFC 3339), where the body does not say: at once.
    #[param(value_type = Option<DateTime<Utc>>)]
    pub(crate) run_at: Option<String>,
    /// Only say what each tenant would come to.
    #[serde(default)]
    #[param(default = false)]
    pub(crate) dry_run: bool,
}

/// The tenants of a submission: one text, and the place of each in it. Each is valid JSON.
#[derive(Debug)]
pub(crate) struct Slices {
    text: Vec<u8>,
    places: Vec<Range<usize>>,
    /// The place of the text among the bodies in memory.
    room: Option<Room>,
}

impl Slices {
    /// The documents at `places` of `text`. What lies between them does not count.
    pub(crate) fn new(text: Vec<u8>, places: Vec<Range<usize>>) -> Self {
        Self { text, places, room: None }
    }

    /// The one document that `text` is.
    pub(crate) fn one(text: Vec<u8>, room: Option<Room>) -> Self {
        let whole = 0..text.len();
        Self { text, places: vec![whole], room }
    }

    /// How many tenants there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// The line, from 1, on which the `place`-th begins.
    pub(crate) fn line_of(&self, place: usize) -> usize {
        let before = self.places.get(place).map_or(0, |place| place.start);
        1 + self.text[..before].iter().filter(|byte| **byte == b'\n').count()
    }

    /// The tenants from the `from`-th on.
    ///
    /// # Panics
    /// When one is not UTF-8: JSON is.
    pub(crate) fn from(&self, from: usize) -> impl Iterator<Item = &str> {
        self.places.iter().skip(from).map(|place| {
            std::str::from_utf8(&self.text[place.clone()]).expect("it was found to be JSON")
        })
    }
}

/// The batch that `request` sends. What `query` says counts where the body says nothing.
///
/// # Errors
/// 400 when it is not JSON, 408 when it stops arriving, 413 when it has too many bytes or tenants,
/// 415 when it is another kind of document, 422 when it is JSON of another form. Of lines as soon as
/// the one that is wrong has arrived.
pub(crate) async fn read(cx: &Context, request: Request, query: How) -> Result<SentBatch, Problem> {
    let kind = body::kind(request.method(), request.headers())?;
    let most = cx.settings.api.max_tenants_per_batch;
    let mut body = BodyReader::of(cx, request, usize::MAX);
    let (mut tenants, how) = match kind {
        Kind::Json => {
            let document = body.whole().await?;
            with_time(move || object(document, most)).await?
        }
        Kind::Ndjson => (lines(&mut body, most).await?, How::default()),
    };
    tenants.room = body.into_room();
    batch(tenants, how, query)
}

/// The lines that `request` sends.
///
/// # Errors
/// As [`read`]; 415 when the media type is not that of lines, 422 when the body has no line.
pub(crate) async fn read_lines(cx: &Context, request: Request) -> Result<Slices, Problem> {
    if body::kind(request.method(), request.headers())? != Kind::Ndjson {
        let detail = "a list of changes is sent as `Content-Type: application/x-ndjson`";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Problem::new(status, "unsupported_media_type", detail));
    }
    let most = cx.settings.api.max_tenants_per_batch;
    let mut body = BodyReader::of(cx, request, usize::MAX);
    let mut read = lines(&mut body, most).await.map_err(|problem| match problem.code() {
        "too_many_tenants" => Problem::too_many_listed(most),
        _ => problem,
    })?;
    if read.len() == 0 {
        let message = "the body must have at least one line";
        return Err(Problem::invalid_body("", "missing_field", message));
    }
    read.room = body.into_room();
    Ok(read)
}

fn batch(tenants: Slices, how: How, query: How) -> Result<SentBatch, Problem> {
    if tenants.len() == 0 {
        let message = "`tenants` must contain at least one tenant";
        return Err(Problem::invalid_body("/tenants", "empty_batch", message));
    }
    let mode = parse::mode(how.mode.or(query.mode).as_deref())?;
    let run_at = how.run_at.or(query.run_at).as_deref().map(parse::run_at).transpose()?;
    Ok(SentBatch { tenants, mode, run_at })
}

/// Does `work` on a thread that may take its time: there may be much to read.
///
/// # Errors
/// What `work` fails with; 500 when that thread is gone.
pub(crate) async fn with_time<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    spawn_blocking(work).await.map_err(Problem::internal)?
}

async fn lines(body: &mut BodyReader, most: usize) -> Result<Slices, Problem> {
    let mut lines = Lines::new(most);
    while let Some(piece) = body.next().await? {
        lines.text.extend_from_slice(&piece);
        if lines.unread() >= READ_AT_ONCE {
            lines = with_time(move || lines.read().map(|()| lines)).await?;
        }
    }
    with_time(move || lines.finish()).await
}

/// Lines of JSON, read while they arrive: a wrong one is refused before the rest is there.
struct Lines {
    text: Vec<u8>,
    tenants: Vec<Range<usize>>,
    most: usize,
    lines: usize,
    /// Where the first line that was not read begins.
    begin: usize,
    /// No line ends between `begin` and here.
    searched: usize,
}

impl Lines {
    fn new(most: usize) -> Self {
        Self { text: Vec::new(), tenants: Vec::new(), most, lines: 0, begin: 0, searched: 0 }
    }

    fn unread(&self) -> usize {
        self.text.len() - self.searched
    }

    /// Reads the lines that have arrived whole.
    fn read(&mut self) -> Result<(), Problem> {
        while let Some(found) = self.text[self.searched..].iter().position(|b| *b == b'\n') {
            let end = self.searched + found;
            self.take_line(end)?;
            self.begin = end + 1;
            self.searched = self.begin;
        }
        self.searched = self.text.len();
        Ok(())
    }

    /// Reads what is left, now that all has arrived.
    fn finish(mut self) -> Result<Slices, Problem> {
        self.read()?;
        self.take_line(self.text.len())?;
        Ok(Slices::new(self.text, self.tenants))
    }

    /// Reads the line from `begin` to `end`. An empty one counts as a line, and is no tenant.
    fn take_line(&mut self, end: usize) -> Result<(), Problem> {
        self.lines += 1;
        let line = &self.text[self.begin..end];
        let tenant = line.trim_ascii();
        if tenant.is_empty() {
            return Ok(());
        }
        if self.tenants.len() == self.most {
            return Err(Problem::too_many_tenants(self.most));
        }
        serde_json::from_slice::<WellFormed>(tenant).map_err(|e| {
            let place = format!("a line of the body is not JSON: line {}", self.lines);
            Problem::malformed_json(&place, &e)
        })?;
        let begin = self.begin + (line.len() - line.trim_ascii_start().len());
        self.tenants.push(begin..begin + tenant.len());
        Ok(())
    }
}

/// The tenants of `{"tenants": […], "mode"?, "run_at"?}`, at most `most`, and what stands beside them.
fn object(body: Vec<u8>, most: usize) -> Result<(Slices, How), Problem> {
    // First as a whole: what follows looks only as deep as it has to.
    let document = parse::json_text(&body)?;
    if !document.trim_start().starts_with('{') {
        let message = "the body must be an object: {\"tenants\": [...]}";
        return Err(Problem::invalid_body("", "invalid_field", message));
    }
    let raw: Raw<'_> = serde_json::from_str(document).map_err(|e| Problem::not_json(&e))?;
    raw.nothing_else()?;
    let Some(tenants) = raw.tenants else {
        return Err(Problem::invalid_body("/tenants", "missing_field", "is missing"));
    };
    let places = places(document, tenants, most)?;
    let mode = word(raw.mode, "mode", "invalid_mode")?;
    let run_at = word(raw.run_at, "run_at", "invalid_run_at")?;
    Ok((Slices::new(body, places), How { mode, run_at, dry_run: false }))
}

/// The fields of a batch as text.
#[derive(Default)]
struct Raw<'a> {
    tenants: Option<&'a RawValue>,
    mode: Option<&'a RawValue>,
    run_at: Option<&'a RawValue>,
    /// The first name that a batch does not have, or has twice, and the code for it.
    wrong: Option<(&'static str, String)>,
}

impl Raw<'_> {
    fn nothing_else(&self) -> Result<(), Problem> {
        let Some((code, name)) = &self.wrong else { return Ok(()) };
        let pointer = format!("/{}", domain::pointer_step(name));
        let message = match *code {
            "repeated_field" => "a batch has each field once",
            _ => "there is no such field; a batch has: tenants, mode, run_at",
        };
        Err(Problem::invalid_body(&pointer, code, message))
    }
}

impl<'de> Deserialize<'de> for Raw<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Self::default())
    }
}

impl<'de> Visitor<'de> for Raw<'de> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a batch")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            let field = match &*name {
                "tenants" => &mut self.tenants,
                "mode" => &mut self.mode,
                "run_at" => &mut self.run_at,
                _ => {
                    self.wrong.get_or_insert_with(|| ("unknown_field", name.into_owned()));
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            if field.replace(map.next_value()?).is_some() {
                self.wrong.get_or_insert_with(|| ("repeated_field", name.into_owned()));
            }
        }
        Ok(self)
    }
}

/// Where in `body` each element of its part `tenants`, a list, stands.
fn places(body: &str, tenants: &RawValue, most: usize) -> Result<Vec<Range<usize>>, Problem> {
    let mut list = serde_json::Deserializer::from_str(tenants.get());
    let elements = Elements { most }
        .deserialize(&mut list)
        .map_err(|_| Problem::invalid_body("/tenants", "invalid_field", "must be an array"))?;
    let elements = elements.ok_or_else(|| Problem::too_many_tenants(most))?;
    let place = |tenant: &RawValue| {
        let begin = tenant.get().as_ptr().addr() - body.as_ptr().addr();
        begin..begin + tenant.get().len()
    };
    Ok(elements.into_iter().map(place).collect())
}

/// The elements of a list, each as text; `None` when there are more than `most`.
struct Elements {
    most: usize,
}

impl<'de> DeserializeSeed<'de> for Elements {
    type Value = Option<Vec<&'de RawValue>>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements {
    type Value = Option<Vec<&'de RawValue>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            if elements.len() == self.most {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(None);
            }
            elements.push(element);
        }
        Ok(Some(elements))
    }
}

/// The text in a field that may be left out.
fn word(
    field: Option<&RawValue>,
    name: &str,
    code: &'static str,
) -> Result<Option<String>, Problem> {
    let Some(field) = field else { return Ok(None) };
    serde_json::from_str(field.get())
        .map_err(|_| Problem::invalid_body(&format!("/{name}"), code, "must be a string"))
}

#[cfg(test)]
mod tests;
