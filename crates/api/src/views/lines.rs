//! Items one a line: NDJSON, or CSV for a spreadsheet.

use std::io::Write as _;

use axum::http::HeaderMap;
use contract::ItemResult;

use crate::http::parameters::{accepted, is_ndjson};

const COLUMNS: &[u8] =
    b"index,tenant_name,status,tenant_id,schema_name,domain,attempts,error_code,\
    error_message,error_step,error_retryable\r\n";

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

    /// What stands before the first item.
    pub(crate) fn head(self) -> &'static [u8] {
        match self {
            Self::Ndjson => b"",
            Self::Csv => COLUMNS,
        }
    }

    /// Adds the line of `item` to `page`.
    pub(crate) fn write(self, item: &ItemResult, page: &mut Vec<u8>) -> serde_json::Result<()> {
        match self {
            Self::Ndjson => {
                serde_json::to_writer(&mut *page, item)?;
                page.push(b'\n');
            }
            Self::Csv => {
                let line = row(item).map(|cell| quoted(&cell)).join(",");
                write!(page, "{line}\r\n").map_err(serde_json::Error::io)?;
            }
        }
        Ok(())
    }
}

fn row(item: &ItemResult) -> [String; 11] {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let error = item.error.as_ref();
    [
        item.index.to_string(),
        text(&item.tenant_name),
        item.status.to_string(),
        item.tenant_id.map(|id| id.to_string()).unwrap_or_default(),
        text(&item.schema_name),
        text(&item.domain),
        item.attempts.to_string(),
        error.map(|error| error.code.clone()).unwrap_or_default(),
        error.map(|error| error.message.clone()).unwrap_or_default(),
        error.and_then(|error| error.step.clone()).unwrap_or_default(),
        error.map(|error| error.retryable.to_string()).unwrap_or_default(),
    ]
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

        Form::Csv.write(&serde_json::from_value(item).unwrap(), &mut page).unwrap();

        let line = "3,\"Say \"\"hi\"\", Ltd\",failed,,,,2,timed_out,too slow,,true\r\n";
        assert_eq!(String::from_utf8(page).unwrap(), line);
    }
}
