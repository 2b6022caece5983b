//! Adds one row to the audit log.

use domain::{OperationId, TenantId};
use serde_json::Value;
use sqlx::PgConnection;

/// Who did what to which, from where. Never a secret in `detail`.
#[derive(Debug, Clone, Default)]
pub struct Entry<'a> {
    /// `operator:<name>`, `worker:<id>`, `cli:<os user>` or `sweeper`.
    pub actor: &'a str,
    /// What was done, as `subject.verb`: `operation.submitted`, `keys.revealed`, `token.created`.
    pub action: &'a str,
    /// The tenant it was done to.
    pub tenant: Option<TenantId>,
    /// The operation it was done to, or in.
    pub operation: Option<OperationId>,
    /// The request that asked for it.
    pub request_id: Option<&'a str>,
    /// Where the request came from.
    pub address: Option<&'a str>,
    /// What else matters, before and after.
    pub detail: Value,
}

/// Who changes something, and by which request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct By<'a> {
    /// As [`Entry::actor`].
    pub actor: &'a str,
    /// As [`Entry::request_id`].
    pub request_id: Option<&'a str>,
    /// As [`Entry::address`].
    pub address: Option<&'a str>,
}

impl<'a> By<'a> {
    /// A process that no request asked.
    #[must_use]
    pub fn process(actor: &'a str) -> Self {
        Self { actor, request_id: None, address: None }
    }

    /// An audit row of what they did.
    #[must_use]
    pub fn did(self, action: &'a str) -> Entry<'a> {
        let Self { actor, request_id, address } = self;
        Entry { actor, action, request_id, address, ..Entry::default() }
    }
}

/// Records `entry`; commits with the change it tells of.
pub async fn append(conn: &mut PgConnection, entry: Entry<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into tenantry.audit_log
             (actor, action, tenant_id, operation_id, request_id, address, detail)
         values ($1, $2, $3, $4, $5, $6, $7)",
        entry.actor,
        entry.action,
        entry.tenant.map(TenantId::get),
        entry.operation.map(OperationId::get),
        entry.request_id,
        entry.address,
        if entry.detail.is_null() {
            Value::Object(serde_json::Map::default())
        } else {
            entry.detail
        },
    )
    .execute(conn)
    .await?;
    Ok(())
}
