//! Every tenant and item: its JSON can be read and given back, its text is what Tenantry writes there.

use std::{fmt::Display, str::FromStr};

use domain::{Domain, ExternalId, ItemId, Settings, TenantId, TenantName};
use sqlx::{PgConnection, Row, postgres::PgRow};

use crate::{
    Kind, Subject,
    pages::Pages,
    registered::{self, Unreadable},
    report::Gatherer,
};

/// Levels that readers of JSON take.
const LEVELS: usize = 127;

/// Levels that an answer adds to a tenant's settings: a page, its list, a tenant.
const AROUND_SETTINGS: usize = 3;

/// Rows read at a time; each has at most half a megabyte.
const PAGE: i64 = 100;

const TENANTS: &str = "select id, settings::text, schema_name, role_name, name, domain, external_id
    from tenantry.tenants where id > $1 order by id limit $2";

const REQUESTS: &str = "select id, input::text from tenantry.operation_items
    where id > $1 order by id limit $2";

/// Finds settings, names and domains that are not valid, and JSON that cannot be read.
pub(crate) async fn walk(conn: &mut PgConnection, gatherer: &mut Gatherer<'_>) -> sqlx::Result<()> {
    if !gatherer.scope.wants(Kind::UnreadableRow) {
        return Ok(());
    }
    let mut tenants = Pages(i64::MIN);
    while let Some(rows) = tenants.next(conn, |id| sqlx::query(TENANTS).bind(id).bind(PAGE)).await?
    {
        for row in &rows {
            let id = TenantId::new(row.try_get(0)?);
            for Unreadable { field, why } in wrong_columns(row)? {
                let sentence = format!("the {field} of tenant {id} cannot be read: {why}");
                gatherer.add(Kind::UnreadableRow, Subject::Tenant(id), sentence, false);
            }
        }
    }
    let mut items = Pages(i64::MIN);
    while let Some(rows) = items.next(conn, |id| sqlx::query(REQUESTS).bind(id).bind(PAGE)).await? {
        for row in &rows {
            let id = ItemId::new(row.try_get(0)?);
            if let Some(why) = domain::unreadable(row.try_get(1)?, LEVELS) {
                let sentence = format!("the request of item {id} cannot be read: {why}");
                gatherer.add(Kind::UnreadableRow, Subject::Item(id), sentence, false);
            }
        }
    }
    Ok(())
}

/// The columns of a tenant's row that are not what Tenantry writes there.
fn wrong_columns(row: &PgRow) -> sqlx::Result<Vec<Unreadable>> {
    let mut wrong: Vec<Unreadable> = Vec::new();
    let mut note =
        |field, why: Option<String>| wrong.extend(why.map(|why| Unreadable { field, why }));
    note("settings", wrong_settings(row.try_get(1)?));
    note("name", TenantName::from_registry(row.try_get(4)?).err().map(|why| why.to_string()));
    note("domain", wrong_text::<Domain>(row.try_get(5)?));
    let external_id: Option<&str> = row.try_get(6)?;
    let why = external_id.and_then(|id| ExternalId::parse(id).err());
    note("external_id", why.map(|why| why.to_string()));
    wrong.extend(registered::schema_name(row.try_get(2)?).err());
    wrong.extend(registered::role_name(row.try_get(3)?).err());
    Ok(wrong)
}

/// Why the text is not a valid `T`, or not in the form that is stored.
fn wrong_text<T>(text: &str) -> Option<String>
where
    T: FromStr + AsRef<str>,
    T::Err: Display,
{
    match text.parse::<T>() {
        Err(why) => Some(why.to_string()),
        Ok(read) if read.as_ref() != text => Some(format!("it is written {}", read.as_ref())),
        Ok(_) => None,
    }
}

fn wrong_settings(text: &str) -> Option<String> {
    domain::unreadable(text, LEVELS - AROUND_SETTINGS)
        .or_else(|| serde_json::from_str::<Settings>(text).err().map(|e| e.to_string()))
}
