//! Opaque positions in a list.

use std::{fmt::Display, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::http::problem::Problem;

/// Which list a position is in: one list's cursor is no other's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    Audit,
    Batches,
    Findings,
    Health,
    History,
    Operations,
    Results,
    Rollouts,
    Tenants,
    Keys,
    Secrets,
}

impl List {
    fn tag(self) -> &'static str {
        match self {
            Self::Audit => "a",
            Self::Batches => "b",
            Self::Findings => "f",
            Self::Health => "e",
            Self::History => "h",
            Self::Operations => "o",
            Self::Results => "r",
            Self::Rollouts => "w",
            Self::Tenants => "t",
            Self::Keys => "k",
            Self::Secrets => "s",
        }
    }

    /// At most `limit` of `found`, and where the next page starts: one entry more than `limit` says
    /// that there is one.
    pub(crate) fn page<T, I: Display>(
        self,
        mut found: Vec<T>,
        limit: u32,
        id: impl Fn(&T) -> I,
    ) -> (Vec<T>, Option<String>) {
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next = found.last().filter(|_| more).map(|last| self.cursor(id(last)));
        (found, next)
    }

    /// The cursor after the entry with this id.
    pub(crate) fn cursor(self, last: impl Display) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}:{last}", self.tag()))
    }

    /// The id that `cursor` stands after.
    ///
    /// # Errors
    /// 400 when it is not a cursor of this list.
    pub(crate) fn after<T: FromStr>(self, cursor: &str) -> Result<T, Problem> {
        self.read(cursor).ok_or_else(|| {
            Problem::invalid_parameter("cursor", "not a cursor of this list; take `next_cursor`")
        })
    }

    fn read<T: FromStr>(self, cursor: &str) -> Option<T> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let (tag, last) = text.split_once(':')?;
        (tag == self.tag()).then(|| last.parse().ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use domain::{OperationId, TenantId};

    use super::*;

    #[test]
    fn comes_back_as_what_it_was_made_of() {
        let batch = OperationId::mint();

        let cursor = List::Batches.cursor(batch);

        assert_eq!(List::Batches.after::<OperationId>(&cursor).unwrap(), batch);
    }

    #[test]
    fn no_two_lists_have_the_same_cursor() {
        let lists = [
            List::Audit,
            List::Batches,
            List::Findings,
            List::Health,
            List::History,
            List::Operations,
            List::Results,
            List::Rollouts,
            List::Tenants,
            List::Keys,
            List::Secrets,
        ];

        let cursors = HashSet::from(lists.map(|list| list.cursor(7)));

        assert_eq!(cursors.len(), lists.len());
    }

    #[test]
    fn refuses_what_is_not_a_cursor_of_this_list() {
        let of_results = List::Results.cursor(7);

        for wrong in ["", "7", "!!", "dDp4", of_results.as_str()] {
            let refused = List::Tenants.after::<TenantId>(wrong).unwrap_err();
            assert_eq!(refused.status().as_u16(), 400, "{wrong}");
        }
    }
}
