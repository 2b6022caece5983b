//! Lists tenants, page by page.

use domain::{TenantId, TenantState};
use serde_json::value::RawValue;
use sqlx::{PgConnection, types::Json};

use super::find::{Row, Tenant};

#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those in this state; without it all but the deleted and the released ones.
    pub state: Option<TenantState>,
    /// Only those whose name or domain starts with this, in any letter case.
    pub prefix: Option<String>,
    /// Only the one that holds this external id now: neither deleted nor released.
    pub external_id: Option<String>,
    /// Only the one that holds this domain now.
    pub domain: Option<String>,
    /// Only the one that holds this schema name now.
    pub schema: Option<String>,
}

impl Filter {
    /// Whether it is one tenant that is looked for.
    pub(super) fn names_one(&self) -> bool {
        self.external_id.is_some() || self.domain.is_some() || self.schema.is_some()
    }

    /// The prefix as a pattern for LIKE: lower case, and what is a wildcard stands for itself.
    pub(super) fn pattern(&self) -> Option<String> {
        self.prefix.as_deref().map(prefix_pattern)
    }
}

/// A pattern in lower case for LIKE: what begins with `prefix`, in which a wildcard stands for itself.
pub(crate) fn prefix_pattern(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len() + 1);
    for c in prefix.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Those with an id above this one.
    pub after: Option<TenantId>,
    /// Leaves out this many; costs as much as reading them.
    pub offset: i64,
    /// At most this many.
    pub limit: i64,
}

/// The tenants of `filter` on `page`, ordered by id.
pub async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    page: Page,
) -> sqlx::Result<Vec<Tenant>> {
    if filter.names_one() {
        let mut found = by_name(conn, filter, page.after).await?;
        // One at most: what is asked for behind it is not there.
        found.truncate(usize::from(page.offset == 0 && page.limit > 0));
        return Ok(found);
    }
    let rows = sqlx::query_file_as!(
        Row,
        "queries/tenants/list.sql",
        filter.state.map(TenantState::as_str),
        filter.pattern(),
        page.after.map_or(i64::MIN, TenantId::get),
        page.offset,
        page.limit,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Tenant::try_from).collect()
}

/// The tenant that holds the names of `filter`.
pub(super) async fn by_name(
    conn: &mut PgConnection,
    filter: &Filter,
    after: Option<TenantId>,
) -> sqlx::Result<Vec<Tenant>> {
    let rows = sqlx::query_file_as!(
        Row,
        "queries/tenants/by_name.sql",
        filter.external_id,
        filter.domain,
        filter.schema,
        filter.state.map(TenantState::as_str),
        filter.pattern(),
        after.map_or(i64::MIN, TenantId::get),
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Tenant::try_from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_wildcards_of_a_prefix_for_what_they_are() {
        let filter = Filter { prefix: Some(r"50%_Off\".to_owned()), ..Filter::default() };

        assert_eq!(filter.pattern().as_deref(), Some(r"50\%\_off\\%"));
    }

    /// Rows of the registry this transaction has read so far.
    async fn rows_read(conn: &mut PgConnection) -> i64 {
        sqlx::query_scalar(
            "select seq_tup_read + coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables
             where schemaname = 'tenantry' and relname = 'tenants'",
        )
        .fetch_one(conn)
        .await
        .unwrap()
    }

    #[tokio::test]
    async fn a_page_of_a_large_fleet_reads_a_page_of_rows() {
        let db = harness::fresh_db().await;
        sqlx::query(
            "insert into tenantry.tenants (name, domain, schema_name, role_name, external_id, state)
             select 'Acme ' || n, 'a' || n || '.example', 's' || n, 'r' || n, 'x' || n,
                    case when n % 1000 = 0 then 'suspended' else 'active' end
             from generate_series(1, 20000) as n",
        )
        .execute(&db.pool)
        .await
        .unwrap();
        sqlx::query("analyze tenantry.tenants").execute(&db.pool).await.unwrap();
        let mut tx = db.pool.begin().await.unwrap();
        let page = Page { after: None, offset: 0, limit: 20 };
        let filters = [
            Filter::default(),
            Filter { state: Some(TenantState::Suspended), ..Filter::default() },
            Filter { prefix: Some("acme 1234".to_owned()), ..Filter::default() },
            Filter { prefix: Some("ACME".to_owned()), ..Filter::default() },
            Filter { external_id: Some("x777".to_owned()), ..Filter::default() },
            Filter { domain: Some("a777.example".to_owned()), ..Filter::default() },
            Filter { schema: Some("s777".to_owned()), ..Filter::default() },
        ];

        for filter in filters {
            // Often enough for PostgreSQL to consider a plan that ignores the parameters.
            for _ in 0..8 {
                let before = rows_read(&mut tx).await;
                let found = list(&mut tx, &filter, page).await.unwrap();
                let read = rows_read(&mut tx).await - before;

                assert!(!found.is_empty(), "{filter:?}");
                assert!(read < 200, "{read} rows read for {filter:?}");
            }
        }
    }
}
