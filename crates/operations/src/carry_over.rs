//! Carries the version tables that a release before this one kept in tenants' schemas over into the
//! ledger.
//!
//! Each portion is a transaction of its own, so an interrupted run goes on where it stopped.

use domain::{SchemaName, TenantId};
use sqlx::{Connection as _, PgConnection, PgPool};
use store::{
    StageLimits,
    tenants::{self, Unplaced},
};
use tenantdb::ledger;

/// Tenants whose tables are carried over in one transaction: each takes three places in the server's
/// table of locks.
const PORTION: i64 = 50;

#[derive(Debug, Default)]
pub struct CarriedOver {
    /// Tenants whose tables were carried over.
    pub done: usize,
    /// Tenants that still have no row in the ledger.
    pub left: Vec<Left>,
}

/// A tenant without a row in the ledger.
#[derive(Debug)]
pub struct Left {
    pub tenant: TenantId,
    /// Its schema, as the registry has it.
    pub schema: String,
    /// Why its table could not be carried over; `None` = it has none.
    pub error: Option<sqlx::Error>,
}

/// Carries over what is there. A tenant whose table cannot be read or dropped is told of, and the others
/// go on.
///
/// # Errors
/// When the tenants cannot be listed, or the connection breaks.
pub async fn carry_over(pool: &PgPool, limits: StageLimits) -> sqlx::Result<CarriedOver> {
    let mut conn = pool.acquire().await?;
    let (mut came, mut after) = (CarriedOver::default(), None);
    loop {
        let page = tenants::unplaced(&mut conn, after, PORTION).await?;
        let Some(last) = page.last() else { return Ok(came) };
        after = Some(last.id);
        let mut portion = Vec::with_capacity(page.len());
        for Unplaced { id, schema, has_table, is_active } in page {
            match SchemaName::from_registry(schema.clone()) {
                Ok(name) if has_table => portion.push((id, name)),
                _ if is_active => came.left.push(Left { tenant: id, schema, error: None }),
                // nothing of it is there yet
                _ => {}
            }
        }
        came.take(&mut conn, &portion, limits).await?;
    }
}

impl CarriedOver {
    /// Takes all of the portion together, or else one by one, so that one does not stop the others.
    async fn take(
        &mut self,
        conn: &mut PgConnection,
        portion: &[(TenantId, SchemaName)],
        limits: StageLimits,
    ) -> sqlx::Result<()> {
        if let Ok(done) = take_all(conn, portion, limits).await {
            self.done += done;
            return Ok(());
        }
        for one in portion {
            match take_all(conn, std::slice::from_ref(one), limits).await {
                Ok(done) => self.done += done,
                Err(error) if error.as_database_error().is_none() => return Err(error),
                Err(error) => {
                    let (tenant, schema) = (one.0, one.1.as_str().to_owned());
                    self.left.push(Left { tenant, schema, error: Some(error) });
                }
            }
        }
        Ok(())
    }
}

/// Says how many were still to be carried over once we had their locks.
async fn take_all(
    conn: &mut PgConnection,
    portion: &[(TenantId, SchemaName)],
    limits: StageLimits,
) -> sqlx::Result<usize> {
    let mut tx = conn.begin().await?;
    let ids: Vec<TenantId> = portion.iter().map(|(tenant, _)| *tenant).collect();
    store::open_stage(&mut tx, &ids, limits).await?;
    let entries = ledger::read(&mut tx, &ids).await?;
    let missing = portion.iter().zip(&entries).filter(|(_, entry)| entry.is_none());
    let missing: Vec<_> = missing.map(|(one, _)| one.clone()).collect();
    ledger::carry_over(&mut tx, &missing).await?;
    tx.commit().await?;
    Ok(missing.len())
}
