//! Which batch or operation is meant: its id, the unique beginning of one, or `last`.

use contract::OperationPage;

use super::{query, under::Under};
use crate::{client::Client, failure::Failure};

/// Batches that a beginning is compared with at a time: the API's largest page.
const PAGE: u32 = 200;

/// Pages that are looked through for a beginning: more would keep the caller waiting.
const MOST_PAGES: usize = 50;

/// Characters of an id that are taken for a beginning, at least.
const SHORTEST: usize = 4;

/// Ids that are named when a beginning fits several.
const NAMED: usize = 5;

/// `text` as an id that cannot leave its place in a path.
pub(super) async fn resolve(client: &Client, under: Under, text: String) -> anyhow::Result<String> {
    if text == "last" {
        return newest(client, under).await;
    }
    if uuid::Uuid::parse_str(&text).is_ok() {
        return Ok(text);
    }
    let beginning = text.to_ascii_lowercase();
    let is_beginning = beginning.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    if !is_beginning || beginning.len() < SHORTEST {
        let noun = under.noun();
        return Err(Failure::usage(format!("`{text}` is not the id of a {noun}"))
            .advise(format!(
                "write the id, its first characters (4 at least), or `last` for the newest; \
                 `tenantry {noun} list` shows the ids",
            ))
            .into());
    }
    the_only_one(under.noun(), &text, begin_with(client, under, &beginning).await?)
}

async fn newest(client: &Client, under: Under) -> anyhow::Result<String> {
    let newest: OperationPage = client.get(&format!("{}?limit=1", under.list())).await?.parse()?;
    newest.operations.into_iter().next().map(|it| it.operation_id.to_string()).ok_or_else(|| {
        Failure::new(format!("there is no {} yet", under.noun()))
            .advise("`tenantry submit FILE` makes one")
            .into()
    })
}

/// The ids that begin so. The list is newest first and ids grow with time, so it ends early.
async fn begin_with(client: &Client, under: Under, beginning: &str) -> anyhow::Result<Vec<String>> {
    let (mut found, mut cursor) = (Vec::new(), None);
    for _ in 0..MOST_PAGES {
        let query = query([("limit", Some(PAGE.to_string())), ("cursor", cursor)]);
        let page: OperationPage = client.get(&format!("{}{query}", under.list())).await?.parse()?;
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

fn the_only_one(noun: &str, text: &str, mut found: Vec<String>) -> anyhow::Result<String> {
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
