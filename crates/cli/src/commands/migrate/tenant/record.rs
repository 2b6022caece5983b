//! Records what tenants have, where the ledger has no row of it.

use domain::Version;
use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use store::{StageLimits, tenants::FleetTenant};
use tenantdb::migrations::{self, MigrationSet, Target};

use super::{LOCK_WAIT, every_tenant, tenant_of};
use crate::{
    actor::record,
    connection::Database,
    failure::Done,
    show::{self, Table},
};

/// Longest time for one tenant, and longest silence within.
const LIMITS: StageLimits = StageLimits {
    statement: std::time::Duration::from_secs(60),
    lock: LOCK_WAIT,
    silence: std::time::Duration::from_secs(10),
};

/// What the row now tells of; `None` where there was one.
type Recorded = Result<Option<Vec<Version>>, String>;

/// Records that the tenants have the set up to `at`.
pub(super) async fn run(
    db: Database<'_>,
    set: &MigrationSet,
    schema: Option<&str>,
    at: Option<&Target>,
) -> anyhow::Result<Done> {
    let mut conn = db.pool.acquire().await?;
    let tenants = match schema {
        None => every_tenant(db.pool).await?,
        Some(schema) => vec![tenant_of(&mut conn, schema).await?],
    };
    let mut came = Vec::with_capacity(tenants.len());
    for tenant in tenants {
        let recorded = one(&mut conn, &tenant, set, at).await;
        came.push((tenant, recorded));
    }
    Ok(tell(db.json, set, &came))
}

async fn one(
    conn: &mut PgConnection,
    tenant: &FleetTenant,
    set: &MigrationSet,
    at: Option<&Target>,
) -> Recorded {
    let (schema, _) = tenant.names().map_err(|e| telemetry::chain(&e))?;
    let failed = |e: sqlx::Error| telemetry::chain(&e);
    let mut tx = conn.begin().await.map_err(failed)?;
    store::open_stage(&mut tx, &[tenant.id], LIMITS).await.map_err(failed)?;
    let recorded = migrations::record(&mut tx, tenant.id, &schema, set, at).await;
    let recorded = recorded.map_err(|e| telemetry::chain(&e))?;
    if let Some(has) = &recorded {
        store::tenants::touch(&mut tx, tenant.id).await.map_err(failed)?;
        let detail = json!({ "recorded": has });
        record(&mut tx, Some(tenant.id), "tenant.migrated", detail).await.map_err(failed)?;
    }
    tx.commit().await.map_err(failed)?;
    Ok(recorded)
}

fn tell(json: bool, set: &MigrationSet, came: &[(FleetTenant, Recorded)]) -> Done {
    let failed = came.iter().filter(|(_, recorded)| recorded.is_err()).count();
    if json {
        let row = |(tenant, recorded): &(FleetTenant, Recorded)| {
            json!({ "tenant_id": tenant.id, "schema": tenant.schema,
                "recorded": recorded.as_ref().ok(), "error": recorded.as_ref().err() })
        };
        show::raw(&json!({ "tenants": came.iter().map(row).collect::<Vec<_>>() }).to_string());
        return Done::well_if(failed == 0);
    }
    let mut table = Table::new(&[">id", "schema", "result"]);
    for (tenant, recorded) in came {
        let result = match recorded {
            Ok(None) => "has a record".to_owned(),
            Ok(Some(has)) => told(has, set.iter().len() - has.len()),
            Err(error) => error.clone(),
        };
        table.row([tenant.id.to_string(), tenant.schema.clone(), result]);
    }
    table.print();
    let recorded = came.iter().filter(|(_, it)| matches!(it, Ok(Some(_)))).count();
    show::line(format!(
        "{} tenants: {recorded} recorded, {} had a record, {failed} failed",
        came.len(),
        came.len() - recorded - failed,
    ));
    if failed > 0 {
        show::note("Failed tenants were not changed. Correct the cause and run it again.");
    }
    Done::well_if(failed == 0)
}

fn told(has: &[Version], pending: usize) -> String {
    let has = match has {
        [] => "none".to_owned(),
        [only] => only.to_string(),
        [first, .., last] => format!("{first} to {last}"),
    };
    let verb = if pending == 1 { "is" } else { "are" };
    format!("recorded: has {has}; {pending} {verb} pending")
}
