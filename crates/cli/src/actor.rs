//! Who the audit log says it was.

use domain::TenantId;
use serde_json::Value;
use sqlx::PgConnection;
use store::audit;

/// `cli:` and the name of the operating system's user.
pub(crate) fn actor() -> String {
    let uid = nix::unistd::getuid();
    let user = nix::unistd::User::from_uid(uid).ok().flatten();
    format!("cli:{}", user.map_or_else(|| uid.to_string(), |user| user.name))
}

/// Writes an audit row in the caller's transaction.
pub(crate) async fn record(
    conn: &mut PgConnection,
    tenant: Option<TenantId>,
    action: &str,
    detail: Value,
) -> sqlx::Result<()> {
    let entry = audit::Entry { actor: &actor(), action, tenant, detail, ..Default::default() };
    audit::append(conn, entry).await
}
