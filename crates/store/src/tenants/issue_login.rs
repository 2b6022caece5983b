//! Records that a tenant's role gets a password.

use domain::{RoleName, SchemaName, TenantId};
use sqlx::PgConnection;

/// What a login leads to.
#[derive(Debug, Clone)]
pub struct IssuedLogin {
    /// The role that logs in.
    pub role: RoleName,
    /// The schema that it finds first.
    pub schema: SchemaName,
}

/// Records that the active tenant `id` gets a login; with `anew` also one that had one before. `None`
/// for all others.
pub async fn issue_login(
    conn: &mut PgConnection,
    id: TenantId,
    anew: bool,
) -> sqlx::Result<Option<IssuedLogin>> {
    let row = sqlx::query!(
        "update tenantry.tenants
         set login_issued_at = clock_timestamp(), updated_at = clock_timestamp()
         where id = $1 and state = 'active' and ($2 or login_issued_at is null)
         returning role_name, schema_name",
        id.get(),
        anew,
    )
    .fetch_optional(conn)
    .await?;
    let unreadable = |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
    row.map(|row| {
        Ok(IssuedLogin {
            role: RoleName::parse(&row.role_name).map_err(|e| unreadable(e.into()))?,
            schema: SchemaName::from_registry(row.schema_name).map_err(|e| unreadable(e.into()))?,
        })
    })
    .transpose()
}
