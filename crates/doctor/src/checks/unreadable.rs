//! Walks every tenant and item: what the registry keeps as JSON can be read and given back.

use domain::{ItemId, Settings, TenantId};
use sqlx::{PgConnection, Row};

use crate::{Kind, Subject, report::Gatherer};

/// Levels that readers of JSON take.
const LEVELS: usize = 127;

/// Levels that an answer adds to a tenant's settings: a page, its list, a tenant.
const AROUND_SETTINGS: usize = 3;

/// Rows read at a time; each has at most half a megabyte.
const PAGE: i64 = 100;

const SETTINGS: &str = "select id, settings::text from tenantry.tenants
    where id > $1 order by id limit $2";

const REQUESTS: &str = "select id, request::text from tenantry.batch_items
    where id > $1 order by id limit $2";

/// Finds settings that are none, and JSON that readers of JSON cannot read.
pub(crate) async fn walk(conn: &mut PgConnection, gatherer: &mut Gatherer<'_>) -> sqlx::Result<()> {
    if !gatherer.scope.wants(Kind::UnreadableRow) {
        return Ok(());
    }
    each(conn, SETTINGS, |id, text| {
        if let Some(why) = wrong_settings(text) {
            let sentence = format!("the settings of tenant {id} cannot be read: {why}");
            let subject = Subject::Tenant(TenantId::new(id));
            gatherer.add(Kind::UnreadableRow, subject, sentence, false);
        }
    })
    .await?;
    each(conn, REQUESTS, |id, text| {
        if let Some(why) = domain::unreadable(text, LEVELS) {
            let sentence = format!("the request of item {id} cannot be read: {why}");
            gatherer.add(Kind::UnreadableRow, Subject::Item(ItemId::new(id)), sentence, false);
        }
    })
    .await
}

fn wrong_settings(text: &str) -> Option<String> {
    domain::unreadable(text, LEVELS - AROUND_SETTINGS)
        .or_else(|| serde_json::from_str::<Settings>(text).err().map(|e| e.to_string()))
}

/// Passes every row of `page` on, by id.
async fn each(
    conn: &mut PgConnection,
    page: &'static str,
    mut look: impl FnMut(i64, &str),
) -> sqlx::Result<()> {
    let mut after = i64::MIN;
    loop {
        let rows = sqlx::query(page).bind(after).bind(PAGE).fetch_all(&mut *conn).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.try_get(0)?;
        for row in &rows {
            look(row.try_get(0)?, row.try_get(1)?);
        }
    }
}
