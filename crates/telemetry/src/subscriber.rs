//! Log lines to standard error, for people or for machines.

use std::{
    fmt::Debug,
    io::{self, IsTerminal as _},
};

use serde_json::{Map, Value};
use settings::{Log, LogFormat};
use tracing::{Subscriber, field::Field, subscriber, warn};
use tracing_subscriber::{
    EnvFilter, Layer as _,
    field::MakeExt as _,
    filter::ParseError,
    fmt::{
        self,
        format::{Writer, debug_fn},
    },
    layer::SubscriberExt as _,
};

/// The field in which sqlx tells the first words of a statement.
const SUMMARY: &str = "summary";

/// The first words of a statement up to a quoted name, which may be that of a customer's schema.
fn without_names(summary: &str) -> &str {
    let text = summary.trim_matches('"');
    let end = text.find(['"', '\\']).unwrap_or(text.len());
    text[..end].trim_end()
}

/// The field in which sqlx tells the text of a slow statement.
const STATEMENT: &str = "db.statement";

#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The filter is no filter.
    #[error("`log.filter` (TENANTRY__LOG__FILTER) is not a log filter: `{filter}`")]
    Filter {
        /// As it was written.
        filter: String,
        #[source]
        source: ParseError,
    },
}

/// Sends log lines to standard error from now on.
///
/// Standard output stays free for results. A second call, or one after somebody
/// else's, changes nothing: the first subscriber of a process stays.
///
/// # Errors
/// [`InitError::Filter`] if `log.filter` cannot be read, on every call.
pub fn init(log: &Log) -> Result<(), InitError> {
    let subscriber = build(log, io::stderr().is_terminal(), io::stderr)?;
    // The only failure is that the process has one already, which is fine.
    subscriber::set_global_default(subscriber).ok();
    if std::env::var_os("RUST_LOG").is_some() {
        warn!("RUST_LOG has no effect: set TENANTRY__LOG__FILTER");
    }
    Ok(())
}

fn build<W>(
    log: &Log,
    colours: bool,
    writer: impl Fn() -> W + Send + Sync + 'static,
) -> Result<impl Subscriber, InitError>
where
    W: io::Write + 'static,
{
    let filter = EnvFilter::try_new(&log.filter)
        .map_err(|source| InitError::Filter { filter: log.filter.clone(), source })?;
    let lines = match log.format {
        LogFormat::Text => fmt::layer()
            .fmt_fields(debug_fn(write_field).delimited(" "))
            .with_ansi(colours)
            .with_writer(writer)
            .boxed(),
        LogFormat::Json => {
            let json = fmt::layer().json().flatten_event(true).with_span_list(false);
            json.with_writer(move || WithoutStatement(writer())).boxed()
        }
    };
    Ok(tracing_subscriber::registry().with(filter).with(lines))
}

/// Takes the texts of statements out of lines of JSON. A line comes in one piece.
struct WithoutStatement<W>(W);

impl<W: io::Write> io::Write for WithoutStatement<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match without_statement(line) {
            Some(shorter) => self.0.write_all(&shorter)?,
            None => self.0.write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// `None` when there is none in it.
fn without_statement(line: &[u8]) -> Option<Vec<u8>> {
    let is_there = line.windows(STATEMENT.len()).any(|it| it == STATEMENT.as_bytes());
    let mut fields: Map<String, Value> = is_there.then(|| serde_json::from_slice(line).ok())??;
    fields.remove(STATEMENT)?;
    if let Some(Value::String(summary)) = fields.get_mut(SUMMARY) {
        *summary = without_names(summary).to_owned();
    }
    let mut shorter = serde_json::to_vec(&fields).ok()?;
    shorter.push(b'\n');
    Some(shorter)
}

/// One field of a plain line. The text of a statement is left out: it takes a page, and its first
/// words stand in `summary`.
fn write_field(line: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> std::fmt::Result {
    match field.name() {
        STATEMENT => Ok(()),
        SUMMARY => write!(line, "{SUMMARY}={:?}", without_names(&format!("{value:?}"))),
        "message" => write!(line, "{value:?}"),
        name => write!(line, "{name}={value:?}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged_by(filter: &str, format: LogFormat, act: impl FnOnce()) -> String {
        let page = Page::default();
        let writer = page.clone();
        let log = Log { filter: filter.to_owned(), format };
        let subscriber = build(&log, false, move || writer.clone()).unwrap();
        subscriber::with_default(subscriber, act);
        String::from_utf8(page.0.lock().unwrap().clone()).unwrap()
    }

    fn logged(filter: &str, format: LogFormat) -> String {
        logged_by(filter, format, || {
            let _span = tracing::info_span!("request", request.id = "r1").entered();
            tracing::info!(tenant.id = 7, "applied `grant` for tenant 7");
            tracing::debug!("read a row");
        })
    }

    #[test]
    fn writes_one_json_object_a_line_with_dotted_fields() {
        let text = logged("info", LogFormat::Json);

        let line: Value = serde_json::from_str(text.trim_end()).unwrap();
        assert_eq!(line["tenant.id"], 7);
        assert_eq!(line["message"], "applied `grant` for tenant 7");
        assert_eq!(line["span"]["request.id"], "r1");
        assert!(line.get("spans").is_none(), "{line}");
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn a_line_names_a_slow_statement_without_its_text() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let summary = "drop schema \"tenant_acme_1\" cascade";
            let text = logged_by("info", format, || {
                tracing::warn!(summary, db.statement = "update a page", "slow");
            });

            assert!(text.contains("slow") && text.contains("drop schema"), "{text}");
            assert!(!text.contains("acme"), "{text}");
            assert!(!text.contains("a page") && text.ends_with('\n'), "{text}");
        }
    }

    #[test]
    fn writes_a_plain_line_for_people() {
        let text = logged("info", LogFormat::Text);

        assert_eq!(text.lines().count(), 1);
        assert!(text.contains("applied `grant` for tenant 7"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn the_filter_decides_what_is_written() {
        assert!(logged("debug", LogFormat::Text).contains("read a row"));
        assert_eq!(logged("error", LogFormat::Text), "");
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_refused_by_its_key() {
        let log = Log { filter: "info,api=loud".to_owned(), format: LogFormat::Text };

        let error = init(&log).unwrap_err();

        assert!(error.to_string().contains("TENANTRY__LOG__FILTER"), "{error}");
        assert!(std::error::Error::source(&error).is_some());
    }

    #[test]
    fn a_second_call_is_harmless() {
        let log = Log { filter: "off".to_owned(), format: LogFormat::Text };

        assert!(init(&log).is_ok());
        assert!(init(&log).is_ok());
    }
}
