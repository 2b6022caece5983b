//! Finds the items of an operation that may be tried again.

use domain::{ItemId, OperationId, SchemaName, TenantId};
use serde_json::value::RawValue;
use sqlx::{PgConnection, types::Json};

/// An item that failed, was cancelled or was rolled back.
#[derive(Debug, Clone)]
pub struct Retryable {
    /// The item.
    pub id: ItemId,
    /// Its place in the request.
    pub index: u32,
    /// What was asked, as sent.
    pub request: Box<RawValue>,
    /// Why it failed.
    pub code: Option<String>,
    /// The tenant it had reserved names for; `None` when it was refused at submission.
    pub tenant: Option<ReleasedTenant>,
}

/// A tenant whose names were given back.
#[derive(Debug, Clone)]
pub struct ReleasedTenant {
    /// Its id.
    pub id: TenantId,
    /// The domain in A-label form.
    pub domain: String,
    /// The schema it was to get.
    pub schema: SchemaName,
    /// The caller's own id for it.
    pub external_id: Option<String>,
}

/// The items of `operation` that failed, were cancelled or were rolled back, by index; of these only
/// the ones with this error `code`, and with an error of this `step`, if given.
///
/// # Errors
/// When the rows cannot be read.
pub async fn retryable(
    conn: &mut PgConnection,
    operation: OperationId,
    code: Option<&str>,
    step: Option<&str>,
) -> sqlx::Result<Vec<Retryable>> {
    let rows = sqlx::query!(
        r#"select i.id, i.idx, i.input as "request: Json<Box<RawValue>>", i.error_code,
                  t.id as "tenant_id?", t.domain as "domain?", t.schema_name as "schema_name?",
                  t.external_id
           from tenantry.operation_items i
           left join tenantry.tenants t on t.id = i.tenant_id
           where i.operation_id = $1 and i.state in ('failed', 'cancelled', 'rolled_back')
             and ($2::text is null or i.error_code = $2)
             and ($3::text is null or i.error_step = $3)
           order by i.idx"#,
        operation.get(),
        code,
        step,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|r| {
            let tenant = match (r.tenant_id, r.domain, r.schema_name) {
                (Some(id), Some(domain), Some(schema)) => Some(ReleasedTenant {
                    id: TenantId::new(id),
                    domain,
                    schema: SchemaName::from_registry(schema)
                        .map_err(|e| sqlx::Error::Decode(Box::new(e)))?,
                    external_id: r.external_id,
                }),
                _ => None,
            };
            Ok(Retryable {
                id: ItemId::new(r.id),
                index: u32::try_from(r.idx).unwrap_or_default(),
                request: r.request.0,
                code: r.error_code,
                tenant,
            })
        })
        .collect()
}
