//! Lists one row a line: NDJSON, or CSV for a spreadsheet.

use std::{future::Future, io::Write as _};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
};
use chrono::SecondsFormat;
use contract::{AuditEntry, ItemResult};
use futures::{StreamExt as _, stream};
use serde::Serialize;

use crate::http::parameters::{accepted, is_ndjson};

/// A row of a list that can be written as a line.
pub(crate) trait Line: Serialize {
    /// The titles of its cells, and the end of their line.
    const COLUMNS: &str;

    /// Its cells as texts, in the order of the titles.
    fn cells(&self) -> Vec<String>;
}

/// How the lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Ndjson,
    Csv,
}

impl Form {
    /// The first form of lines that the caller asks for; `None`: one JSON document.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        accepted(headers).find_map(|media| match media {
            media if is_ndjson(media) => Some(Self::Ndjson),
            media if media.eq_ignore_ascii_case("text/csv") => Some(Self::Csv),
            _ => None,
        })
    }

    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }

    /// What stands before the first row.
    fn head<T: Line>(self) -> &'static str {
        match self {
            Self::Ndjson => "",
            Self::Csv => T::COLUMNS,
        }
    }

    /// Adds the line of `row` to `page`.
    fn write<T: Line>(self, row: &T, page: &mut Vec<u8>) -> serde_json::Result<()> {
        match self {
            Self::Ndjson => {
                serde_json::to_writer(&mut *page, row)?;
                page.push(b'\n');
            }
            Self::Csv => {
                let cells: Vec<String> = row.cells().iter().map(|cell| quoted(cell)).collect();
                write!(page, "{}\r\n", cells.join(",")).map_err(serde_json::Error::io)?;
            }
        }
        Ok(())
    }
}

/// An answer of one row a line. `read` gives a page and the start of the next one, and is called while the caller
/// takes the lines. A database that fails half-way breaks the connection off: never a short list that looks
/// whole.
pub(crate) fn answer<T, P, R>(
    form: Form,
    first: P,
    read: impl Fn(P) -> R + Send + 'static,
) -> Response
where
    T: Line + Send,
    P: Send + 'static,
    R: Future<Output = Result<(Vec<T>, Option<P>), sqlx::Error>> + Send + 'static,
{
    let head = Bytes::from_static(form.head::<T>().as_bytes());
    let pages = stream::try_unfold(Some(first), move |from| {
        let page = from.map(&read);
        async move {
            let Some(page) = page else { return Ok::<_, LinesError>(None) };
            let (rows, next) = page.await?;
            let mut lines = Vec::new();
            for row in &rows {
                form.write(row, &mut lines)?;
            }
            Ok(Some((Bytes::from(lines), next)))
        }
    });
    let head = stream::once(async move { Ok::<_, LinesError>(head) });
    let content_type = [(header::CONTENT_TYPE, form.media_type())];
    (content_type, Body::from_stream(head.chain(pages))).into_response()
}

/// Why a stream of lines broke off.
#[derive(Debug, thiserror::Error)]
enum LinesError {
    #[error("could not read the next page of a list")]
    Read(#[from] sqlx::Error),
    #[error("could not write a row as JSON")]
    Write(#[from] serde_json::Error),
}

impl Line for ItemResult {
    const COLUMNS: &str = "index,tenant_name,status,tenant_id,schema_name,domain,attempts,error_code,\
        error_message,error_step,error_retryable\r\n";

    fn cells(&self) -> Vec<String> {
        let error = self.error.as_ref();
        vec![
            self.index.to_string(),
            cell(self.tenant_name.as_ref()),
            self.status.to_string(),
            cell(self.tenant_id),
            cell(self.schema_name.as_ref()),
            cell(self.domain.as_ref()),
            self.attempts.to_string(),
            cell(error.map(|error| &error.code)),
            cell(error.map(|error| &error.message)),
            cell(error.and_then(|error| error.step.as_ref())),
            cell(error.map(|error| error.retryable)),
        ]
    }
}

impl Line for AuditEntry {
    const COLUMNS: &str = "id,at,actor,action,tenant_id,operation_id,request_id,address,detail,\
        role,on_behalf_of,personal\r\n";

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.at.to_rfc3339_opts(SecondsFormat::Micros, true),
            self.actor.clone(),
            self.action.clone(),
            cell(self.tenant_id),
            cell(self.operation_id),
            cell(self.request_id.as_ref()),
            cell(self.address.as_ref()),
            self.detail.to_string(),
            cell(self.role.as_ref()),
            cell(self.on_behalf_of.as_ref()),
            cell(self.personal.as_ref()),
        ]
    }
}

/// A value as a text; without one an empty cell.
fn cell(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// RFC 4180: in quotes where a comma, a quote or a line end is.
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header};
    use serde_json::json;

    use super::*;

    #[test]
    fn sees_a_form_of_lines_among_what_is_accepted() {
        let form = |value| {
            Form::of(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(value))]))
        };

        assert_eq!(form("text/html, application/x-ndjson;q=0.9"), Some(Form::Ndjson));
        assert_eq!(form("Text/CSV"), Some(Form::Csv));
        assert_eq!(form("application/json, */*"), None);
    }

    #[test]
    fn a_cell_with_a_comma_or_a_quote_stays_one_cell() {
        let item = json!({ "index": 3, "tenant_name": "Say \"hi\", Ltd", "status": "failed",
            "attempts": 2, "steps": [],
            "error": { "code": "timed_out", "message": "too slow", "step": null, "retryable": true } });
        let mut page = Vec::new();

        let item: ItemResult = serde_json::from_value(item).unwrap();
        Form::Csv.write(&item, &mut page).unwrap();

        let line = "3,\"Say \"\"hi\"\", Ltd\",failed,,,,2,timed_out,too slow,,true\r\n";
        assert_eq!(String::from_utf8(page).unwrap(), line);
    }
}
