//! Operations, under one of the two names that the API has for them.

use anyhow::Result;
use contract::{FailureGroup, ItemPage, ItemResult, OperationPage};

use super::{API, Answer, Client, NDJSON, query};
use crate::failure::Failure;

/// Ids that a beginning is compared with at a time: the API's largest page.
const PAGE: u32 = 200;

/// Pages that are looked through for a beginning: more would keep the caller waiting.
const MOST_PAGES: usize = 50;

/// Characters of an id that are taken for a beginning, at least.
const SHORTEST: usize = 4;

/// Ids that are named when a beginning fits several.
const NAMED: usize = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Under {
    /// Of kind `provision` alone.
    Batches,
    /// Any kind.
    Operations,
}

impl Under {
    /// What one is called, in commands and sentences.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Batches => "batch",
            Self::Operations => "operation",
        }
    }

    fn a_noun(self) -> &'static str {
        match self {
            Self::Batches => "a batch",
            Self::Operations => "an operation",
        }
    }

    /// The name under which a call to `path` knows them.
    pub(super) fn of_path(path: &str) -> Self {
        let call = path.rsplit_once(API).map_or(path, |(_, call)| call);
        match call.starts_with("/batches") || call.starts_with("/tenants/batch") {
            true => Self::Batches,
            false => Self::Operations,
        }
    }

    /// What became of its tenants, in paths and commands.
    pub(crate) fn items(self) -> &'static str {
        match self {
            Self::Batches => "results",
            Self::Operations => "items",
        }
    }

    pub(crate) fn path(self) -> String {
        match self {
            Self::Batches => format!("{API}/batches"),
            Self::Operations => format!("{API}/operations"),
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Operations<'a> {
    client: &'a Client,
    pub(crate) under: Under,
}

/// Parameters of a list; those without a value are left out.
pub(crate) type Filters<'a> = &'a [(&'a str, Option<String>)];

impl Client {
    pub(crate) fn batches(&self) -> Operations<'_> {
        Operations { client: self, under: Under::Batches }
    }

    pub(crate) fn operations(&self) -> Operations<'_> {
        Operations { client: self, under: Under::Operations }
    }
}

impl Operations<'_> {
    /// A page of them, the newest first.
    pub(crate) async fn list(self, filters: Filters<'_>) -> Result<Answer> {
        self.client.get(&format!("{}{}", self.under.path(), query(filters))).await
    }

    pub(crate) async fn get(self, id: &str) -> Result<Answer> {
        self.client.get(&format!("{}/{id}", self.under.path())).await
    }

    /// Has `act` done with the one with this id.
    pub(crate) async fn act(self, id: &str, act: &str) -> Result<Answer> {
        self.client.post(&format!("{}/{id}/{act}", self.under.path())).await
    }

    /// Has those of its tenants run again that failed and belong to `group`.
    pub(crate) async fn retry(self, id: &str, group: &FailureGroup) -> Result<Answer> {
        self.client.send(&format!("{}/{id}/retry", self.under.path()), group, &[]).await
    }

    pub(crate) async fn items(self, id: &str, filters: Filters<'_>) -> Result<Answer> {
        self.client.get(&self.items_path(id, filters)).await
    }

    /// Prints what became of its tenants, one a line.
    pub(crate) async fn print_items(self, id: &str, filters: Filters<'_>) -> Result<()> {
        self.client.print(&self.items_path(id, filters), NDJSON).await
    }

    fn items_path(self, id: &str, filters: Filters<'_>) -> String {
        let Self { under, .. } = self;
        format!("{}/{id}/{}{}", under.path(), under.items(), query(filters))
    }

    pub(crate) async fn every_item(
        self,
        id: &str,
        filters: Filters<'_>,
    ) -> Result<Vec<ItemResult>> {
        let (mut items, mut cursor) = (Vec::new(), None);
        loop {
            let page = [("limit", Some("500".to_owned())), ("cursor", cursor)];
            let page: ItemPage = self.items(id, &[filters, &page].concat()).await?.parse()?;
            items.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(items);
            }
        }
    }

    /// The id that `text` stands for: an id, the unique beginning of one, or `last`. It cannot leave its
    /// place in a path.
    pub(crate) async fn resolve(self, text: String) -> Result<String> {
        if text == "last" {
            return self.newest().await;
        }
        if uuid::Uuid::parse_str(&text).is_ok() {
            return Ok(text);
        }
        let (noun, beginning) = (self.under.noun(), text.to_ascii_lowercase());
        let is_beginning = beginning.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        if !is_beginning || beginning.len() < SHORTEST {
            return Err(not_an_id(self.under, &text).into());
        }
        the_only_one(noun, &text, self.begin_with(&beginning).await?)
    }

    async fn newest(self) -> Result<String> {
        let newest: OperationPage = self.list(&[("limit", Some("1".to_owned()))]).await?.parse()?;
        let id = newest.operations.first().map(|it| it.operation_id.to_string());
        id.ok_or_else(|| {
            Failure::new(format!("there is no {} yet", self.under.noun()))
                .advise("`tenantry submit FILE` makes one")
                .into()
        })
    }

    /// The ids that begin so. The list is newest first and ids grow with time, so it ends early.
    async fn begin_with(self, beginning: &str) -> Result<Vec<String>> {
        let (mut found, mut cursor) = (Vec::new(), None);
        for _ in 0..MOST_PAGES {
            let page = [("limit", Some(PAGE.to_string())), ("cursor", cursor)];
            let page: OperationPage = self.list(&page).await?.parse()?;
            let ids = page.operations.into_iter().map(|it| it.operation_id.to_string());
            let (fitting, others): (Vec<_>, Vec<_>) = ids.partition(|id| id.starts_with(beginning));
            let older = others.iter().any(|id| id.as_str() < beginning);
            found.extend(fitting);
            cursor = page.next_cursor;
            if cursor.is_none() || older {
                break;
            }
        }
        Ok(found)
    }
}

fn not_an_id(under: Under, text: &str) -> Failure {
    let (noun, a_noun) = (under.noun(), under.a_noun());
    Failure::usage(format!("`{text}` is not the id of {a_noun}")).advise(format!(
        "write the id, its first characters (4 at least), or `last` for the newest; \
         `tenantry {noun} list` shows the ids",
    ))
}

fn the_only_one(noun: &str, text: &str, mut found: Vec<String>) -> Result<String> {
    match found.len() {
        0 => Err(Failure::new(format!("no {noun} id begins with `{text}`"))
            .advise(format!("`tenantry {noun} list` shows the ids"))
            .into()),
        1 => Ok(found.remove(0)),
        n => {
            let more = if n > NAMED { ", …" } else { "" };
            found.truncate(NAMED);
            Err(Failure::usage(format!("{n} {noun} ids begin with `{text}`"))
                .advise(format!("write more of one of them: {}{more}", found.join(", ")))
                .into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_id_is_told_in_the_words_of_the_command() {
        let told = |under| not_an_id(under, "x").to_string();

        assert_eq!(told(Under::Batches), "`x` is not the id of a batch");
        assert_eq!(told(Under::Operations), "`x` is not the id of an operation");
    }

    #[test]
    fn a_path_says_under_which_name_it_asks() {
        for (path, under) in [
            ("/api/v1/batches/1/retry", Under::Batches),
            ("/batches/api/v1/operations/1/retry", Under::Operations),
            ("/api/v1/tenants/batch", Under::Batches),
            ("/api/v1/tenants/1/suspend", Under::Operations),
        ] {
            assert_eq!(Under::of_path(path), under, "{path}");
        }
    }

    #[test]
    fn a_beginning_must_fit_one_batch_alone() {
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();

        assert_eq!(the_only_one("batch", "01a2", ids(&["01a2-x"])).unwrap(), "01a2-x");
        let none = the_only_one("batch", "01a2", ids(&[])).unwrap_err().to_string();
        let two =
            the_only_one("batch", "01a2", ids(&["01a2-x", "01a2-y"])).unwrap_err().to_string();

        assert_eq!(none, "no batch id begins with `01a2`");
        assert_eq!(two, "2 batch ids begin with `01a2`");
    }
}
