//! Reads tenants: one, or page by page.

use chrono::{DateTime, Utc};
use domain::{TenantId, TenantState};
use serde_json::value::RawValue;
use sqlx::{PgConnection, types::Json};

use super::{Deletion, Hold, Suspension};
use crate::decode::decode;

/// A tenant as the registry knows it.
#[derive(Debug, Clone)]
pub struct Tenant {
    pub id: TenantId,
    pub name: String,
    pub description: Option<String>,
    /// Its domain in A-label form.
    pub domain: String,
    pub schema: String,
    pub role: String,
    /// The caller's own id for it.
    pub external_id: Option<String>,
    pub state: TenantState,
    /// Features, limits and metadata, as the registry has them: no number has lost a digit, and
    /// nothing in them can be unreadable.
    pub settings: Box<RawValue>,
    /// Its labels, key to value, as the registry has them.
    pub labels: Box<RawValue>,
    /// The newest tenant migration it has.
    pub migration_version: Option<String>,
    /// When its names were reserved.
    pub created_at: DateTime<Utc>,
    pub activated_at: Option<DateTime<Utc>>,
    /// `None` unless it is suspended.
    pub suspension: Option<Suspension>,
    /// `None` unless it is to be deleted.
    pub deletion: Option<Deletion>,
    pub hold: Option<Hold>,
    pub is_protected: bool,
    pub updated_at: DateTime<Utc>,
    /// Another one after each change of its row in the registry.
    pub version: String,
}

/// A tenant's row as the queries of this directory return it.
#[derive(Debug)]
struct Row {
    id: i64,
    name: String,
    description: Option<String>,
    domain: String,
    schema_name: String,
    role_name: String,
    external_id: Option<String>,
    state: String,
    settings: Json<Box<RawValue>>,
    labels: Json<Box<RawValue>>,
    migration_version: Option<String>,
    created_at: DateTime<Utc>,
    activated_at: Option<DateTime<Utc>>,
    suspended_at: Option<DateTime<Utc>>,
    suspended_reason: Option<String>,
    suspended_until: Option<DateTime<Utc>>,
    deleting_at: Option<DateTime<Utc>>,
    deleting_reason: Option<String>,
    purge_at: Option<DateTime<Utc>>,
    purge_began_at: Option<DateTime<Utc>>,
    held_at: Option<DateTime<Utc>>,
    hold_reason: Option<String>,
    deletion_protected: bool,
    updated_at: DateTime<Utc>,
    xmin: String,
}

/// PostgreSQL gives a row another `xmin` with each change; a database that is restored has others throughout.
pub(super) fn row_version(updated_at: DateTime<Utc>, xmin: &str) -> String {
    format!("{:x}-{xmin}", updated_at.timestamp_micros())
}

impl TryFrom<Row> for Tenant {
    type Error = sqlx::Error;

    fn try_from(r: Row) -> sqlx::Result<Self> {
        Ok(Self {
            id: TenantId::new(r.id),
            state: decode(&r.state)?,
            name: r.name,
            description: r.description,
            domain: r.domain,
            schema: r.schema_name,
            role: r.role_name,
            external_id: r.external_id,
            settings: r.settings.0,
            labels: r.labels.0,
            migration_version: r.migration_version,
            created_at: r.created_at,
            activated_at: r.activated_at,
            suspension: r.suspended_at.map(|since| Suspension {
                since,
                reason: r.suspended_reason,
                until: r.suspended_until,
            }),
            deletion: r.deleting_at.filter(|_| r.purge_at.is_some()).map(|since| Deletion {
                since,
                reason: r.deleting_reason,
                purge_at: r.purge_at,
                has_begun: r.purge_began_at.is_some(),
            }),
            hold: r.held_at.map(|since| Hold { since, reason: r.hold_reason }),
            is_protected: r.deletion_protected,
            version: row_version(r.updated_at, &r.xmin),
            updated_at: r.updated_at,
        })
    }
}

/// The tenant with this id, in whatever state it is.
pub async fn find(conn: &mut PgConnection, id: TenantId) -> sqlx::Result<Option<Tenant>> {
    sqlx::query_as!(
        Row,
        r#"select id, name, description, domain, schema_name, role_name, external_id, state,
                settings as "settings: Json<Box<RawValue>>", labels as "labels: Json<Box<RawValue>>", (select m.version from tenantry.tenant_migrations m where m.tenant_id = t.id)
                    as migration_version,
                created_at, activated_at, suspended_at, suspended_reason, suspended_until,
                deleting_at, deleting_reason, purge_at, purge_began_at, held_at, hold_reason,
                deletion_protected, updated_at, xmin::text as "xmin!"
         from tenantry.tenants t where id = $1"#,
        id.get(),
    )
    .try_map(Tenant::try_from)
    .fetch_optional(conn)
    .await
}

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
    fn names_one(&self) -> bool {
        self.external_id.is_some() || self.domain.is_some() || self.schema.is_some()
    }

    /// Of a name. PostgreSQL makes both sides lower case: which letters have one is up to its locale.
    fn name_pattern(&self) -> Option<String> {
        self.prefix.as_deref().map(prefix_pattern)
    }

    /// Of a domain, which is stored in lower case.
    fn domain_pattern(&self) -> Option<String> {
        self.prefix.as_deref().map(|prefix| prefix_pattern(&prefix.to_lowercase()))
    }
}

/// A pattern for LIKE: what begins with `prefix`, in which a wildcard stands for itself.
pub(crate) fn prefix_pattern(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len() + 1);
    for c in prefix.chars() {
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
    sqlx::query_file_as!(
        Row,
        "queries/tenants/list.sql",
        filter.state.map(TenantState::as_str),
        filter.name_pattern(),
        page.after.map_or(i64::MIN, TenantId::get),
        page.offset,
        page.limit,
        filter.domain_pattern(),
    )
    .try_map(Tenant::try_from)
    .fetch_all(conn)
    .await
}

/// The tenant that holds the names of `filter`.
async fn by_name(
    conn: &mut PgConnection,
    filter: &Filter,
    after: Option<TenantId>,
) -> sqlx::Result<Vec<Tenant>> {
    sqlx::query_file_as!(
        Row,
        "queries/tenants/by_name.sql",
        filter.external_id,
        filter.domain,
        filter.schema,
        filter.state.map(TenantState::as_str),
        filter.name_pattern(),
        after.map_or(i64::MIN, TenantId::get),
        filter.domain_pattern(),
    )
    .try_map(Tenant::try_from)
    .fetch_all(conn)
    .await
}

/// How many tenants `filter` finds, or `at_most` when there are more: a page of a list must not
/// cost more as the fleet grows.
pub async fn count(conn: &mut PgConnection, filter: &Filter, at_most: i64) -> sqlx::Result<i64> {
    if filter.names_one() {
        let found = by_name(conn, filter, None).await?.len();
        return Ok(i64::try_from(found).unwrap_or(i64::MAX));
    }
    sqlx::query_file_scalar!(
        "queries/tenants/count.sql",
        filter.state.map(TenantState::as_str),
        filter.name_pattern(),
        at_most,
        filter.domain_pattern(),
    )
    .fetch_one(conn)
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_wildcards_of_a_prefix_for_what_they_are() {
        let filter = Filter { prefix: Some(r"50%_Off\".to_owned()), ..Filter::default() };

        assert_eq!(filter.name_pattern().as_deref(), Some(r"50\%\_Off\\%"));
        assert_eq!(filter.domain_pattern().as_deref(), Some(r"50\%\_off\\%"));
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
