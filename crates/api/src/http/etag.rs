//! `ETag` and `If-Match`: a change that is made only to what the caller has seen.

use axum::http::{HeaderMap, header};

use super::problem::Problem;

/// The tag of this version.
pub(crate) fn etag(version: &str) -> String {
    format!("\"{version}\"")
}

/// The versions that `If-Match` names; the tenant must have one of them. Empty, without the header or with `*`: any
/// version will do. A weak tag is no version.
///
/// # Errors
/// 400 when the header is not a list of tags.
pub(crate) fn if_match(headers: &HeaderMap) -> Result<Vec<String>, Problem> {
    let mut versions = Vec::new();
    for value in headers.get_all(header::IF_MATCH) {
        let value = value.to_str().map_err(|_| malformed())?;
        if value.trim() == "*" {
            return Ok(Vec::new());
        }
        for tag in value.split(',').map(str::trim) {
            let strong = tag.strip_prefix("W/").unwrap_or(tag);
            let inner = strong.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
            let inner = inner.filter(|inner| !inner.contains('"')).ok_or_else(malformed)?;
            versions.push(if strong == tag { inner.to_owned() } else { tag.to_owned() });
        }
    }
    Ok(versions)
}

fn malformed() -> Problem {
    Problem::invalid_parameter("If-Match", "must be `*`, or `ETag`s of the tenant in quotes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lists_of_tags_and_no_weak_one_fits() {
        let of = |value: &'static str| {
            let headers = [(header::IF_MATCH, value.parse().unwrap())].into_iter().collect();
            if_match(&headers).ok()
        };

        assert_eq!(of("\"a-1\""), Some(vec!["a-1".to_owned()]));
        assert_eq!(of("\"a\" , \"b\""), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(of("*"), Some(vec![]));
        assert_eq!(of("W/\"a\""), Some(vec!["W/\"a\"".to_owned()]));
        for wrong in ["a", "\"a", "", "\"a\"b\""] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
        assert_eq!(if_match(&HeaderMap::new()).ok(), Some(vec![]));
    }
}
