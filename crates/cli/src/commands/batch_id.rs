//! Which batch is meant: its id, the unique beginning of one, or `last`.

use contract::BatchPage;

use super::{API, query};
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
pub(super) async fn resolve(client: &Client, text: String) -> anyhow::Result<String> {
    if text == "last" {
        return newest(client).await;
    }
    if uuid::Uuid::parse_str(&text).is_ok() {
        return Ok(text);
    }
    let beginning = text.to_ascii_lowercase();
    let is_beginning = beginning.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    if !is_beginning || beginning.len() < SHORTEST {
        return Err(Failure::usage(format!("`{text}` is not a batch id"))
            .advise(
                "write the id, its first characters (4 at least), or `last` for the newest; \
                 `tenantry batch list` shows the ids",
            )
            .into());
    }
    the_only_one(&text, begin_with(client, &beginning).await?)
}

async fn newest(client: &Client) -> anyhow::Result<String> {
    let newest: BatchPage = client.get(&format!("{API}/batches?limit=1")).await?.parse()?;
    newest.batches.into_iter().next().map(|batch| batch.batch_id.to_string()).ok_or_else(|| {
        Failure::new("there is no batch yet").advise("`tenantry submit FILE` makes one").into()
    })
}

/// The ids that begin so. The list is newest first and ids grow with time, so it ends early.
async fn begin_with(client: &Client, beginning: &str) -> anyhow::Result<Vec<String>> {
    let (mut found, mut cursor) = (Vec::new(), None);
    for _ in 0..MOST_PAGES {
        let query = query([("limit", Some(PAGE.to_string())), ("cursor", cursor)]);
        let page: BatchPage = client.get(&format!("{API}/batches{query}")).await?.parse()?;
        let ids = page.batches.into_iter().map(|batch| batch.batch_id.to_string());
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

fn the_only_one(text: &str, mut found: Vec<String>) -> anyhow::Result<String> {
    match found.len() {
        0 => Err(Failure::new(format!("no batch id begins with `{text}`"))
            .advise("`tenantry batch list` shows the ids")
            .into()),
        1 => Ok(found.remove(0)),
        n => {
            let more = if n > NAMED { ", …" } else { "" };
            found.truncate(NAMED);
            Err(Failure::usage(format!("{n} batch ids begin with `{text}`"))
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

        assert_eq!(the_only_one("01a2", ids(&["01a2-x"])).unwrap(), "01a2-x");
        let none = the_only_one("01a2", ids(&[])).unwrap_err().to_string();
        let two = the_only_one("01a2", ids(&["01a2-x", "01a2-y"])).unwrap_err().to_string();

        assert_eq!(none, "no batch id begins with `01a2`");
        assert_eq!(two, "2 batch ids begin with `01a2`");
    }
}
