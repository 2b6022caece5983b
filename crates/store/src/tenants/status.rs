//! Reads how a tenant is.

use chrono::{DateTime, Utc};
use domain::{TenantId, TenantState, Version};
use sqlx::PgConnection;

use crate::decode::decode;

/// A tenant's state and when it was last heard of.
#[derive(Debug, Clone)]
pub struct TenantStatus {
    /// Its name.
    pub name: String,
    /// Where it is in its life.
    pub state: TenantState,
    /// Whether a schema and a role of its names exist.
    pub is_there: bool,
    /// The newest tenant migration it has.
    pub migration_version: Option<String>,
    /// When its names were reserved.
    pub created_at: DateTime<Utc>,
    /// Whether workers have loaded a newer tenant migration than it has: by the places in the set that
    /// was loaded last, never by the versions' texts.
    pub is_behind: bool,
    /// When one of its keys was last used, or its role last got a password.
    pub last_activity: Option<DateTime<Utc>>,
}

/// How the tenant with this id is.
///
/// # Errors
/// When the row cannot be read.
pub async fn status(conn: &mut PgConnection, id: TenantId) -> sqlx::Result<Option<TenantStatus>> {
    let row = sqlx::query!(
        r#"select name, state, migration_version, created_at,
                  (to_regnamespace(quote_ident(schema_name)) is not null
                   and to_regrole(quote_ident(role_name)) is not null) as "is_there!",
                  (select m.version from tenantry.migration_texts m
                   order by m.place desc limit 1) as newest,
                  greatest(login_issued_at,
                           (select max(k.last_used_at) from tenantry.api_keys k
                            where k.tenant_id = t.id)) as last_activity
           from tenantry.tenants t where id = $1"#,
        id.get(),
    )
    .fetch_optional(conn)
    .await?;
    row.map(|r| {
        let version = r.migration_version.as_deref().map(Version::new);
        let is_behind = r.newest.is_some_and(|newest| version != Some(Version::new(newest)));
        Ok(TenantStatus {
            name: r.name,
            state: decode(&r.state)?,
            is_there: r.is_there,
            migration_version: r.migration_version,
            created_at: r.created_at,
            is_behind,
            last_activity: r.last_activity,
        })
    })
    .transpose()
}
