//! Which tenant is meant: its id, its domain, its schema's name or the caller's own id for it.

use clap::Args;
use contract::TenantPage;
use domain::{Domain, ExternalId, SchemaName, TenantId};
use sqlx::PgConnection;
use store::tenants::{self, Filter, Page};

use crate::{
    client::{API, Client, query},
    failure::Failure,
};

/// A tenant as it is typed.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// Its id, domain, schema name, or your own (external) id for it
    pub(super) tenant: String,
}

impl Named {
    pub(super) async fn resolve(&self, client: &Client) -> anyhow::Result<i64> {
        resolve(client, &self.tenant).await
    }
}

pub(super) async fn resolve(client: &Client, text: &str) -> anyhow::Result<i64> {
    if let Some(id) = as_id(text) {
        match client.get(&format!("{API}/tenants/{id}")).await {
            Err(error) if is(&error, "tenant_not_found") => {}
            answered => return answered.map(|_| id),
        }
    }
    for name in names(text) {
        if let Some(id) = holder(client, name, text).await? {
            return Ok(id);
        }
    }
    Err(nobody(text).into())
}

/// As [`resolve`], for commands that work on the database and have no API.
pub(super) async fn resolve_in(conn: &mut PgConnection, text: &str) -> anyhow::Result<TenantId> {
    if let Some(id) = as_id(text).map(TenantId::new)
        && tenants::find(conn, id).await?.is_some()
    {
        return Ok(id);
    }
    let page = Page { after: None, offset: 0, limit: 1 };
    for filter in names(text).into_iter().filter_map(|name| holder_of(name, text)) {
        if let Some(found) = tenants::list(conn, &filter, page).await?.first() {
            return Ok(found.id);
        }
    }
    Err(nobody(text).into())
}

/// The filter that finds the tenant with this name; `None` if the text is not a valid name of that kind.
fn holder_of(name: &str, text: &str) -> Option<Filter> {
    let mut filter = Filter::default();
    match name {
        "domain" => filter.domain = Some(Domain::parse(text).ok()?.as_str().to_owned()),
        "schema_name" => filter.schema = Some(SchemaName::parse(text).ok()?.as_str().to_owned()),
        _ => filter.external_id = Some(ExternalId::parse(text).ok()?.as_str().to_owned()),
    }
    Some(filter)
}

fn nobody(text: &str) -> Failure {
    Failure::new(format!("no tenant has `{text}` as its id, domain, schema name or external id"))
        .advise(
            "`tenantry tenant list` shows the tenants; `--q TEXT` finds by the beginning of a name",
        )
}

fn as_id(text: &str) -> Option<i64> {
    text.parse().ok().filter(|id| *id > 0 && text.bytes().all(|b| b.is_ascii_digit()))
}

/// What `text` may be, the likeliest first. Only a domain has a dot and only a schema has none.
fn names(text: &str) -> [&'static str; 2] {
    if text.contains('.') { ["domain", "external_id"] } else { ["schema_name", "external_id"] }
}

/// The tenant that holds this name; none if the text cannot be such a name.
async fn holder(client: &Client, name: &str, text: &str) -> anyhow::Result<Option<i64>> {
    let query = query(&[(name, Some(text.to_owned()))]);
    match client.get(&format!("{API}/tenants{query}")).await {
        Ok(answer) => {
            let page: TenantPage = answer.parse()?;
            Ok(page.tenants.first().map(|tenant| tenant.tenant_id.get()))
        }
        Err(error) if is(&error, "invalid_parameter") => Ok(None),
        Err(error) => Err(error),
    }
}

fn is(error: &anyhow::Error, code: &str) -> bool {
    error.downcast_ref::<Failure>().and_then(Failure::problem_code) == Some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_digits_for_an_id_and_a_dot_for_a_domain() {
        assert_eq!(
            (as_id("22"), as_id("-22"), as_id("+22"), as_id("cus_22")),
            (Some(22), None, None, None)
        );
        assert_eq!(names("acme.example"), ["domain", "external_id"]);
        assert_eq!(names("tenant_acme_1"), ["schema_name", "external_id"]);
    }
}
