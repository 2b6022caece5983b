//! `tenantry restore adopt --copy`: the copy becomes an installation of its own.
//!
//! One transaction a schema, and its mark is the checkpoint: a command that was interrupted goes on
//! where it was. Until the end every process refuses to work here.

use std::time::{Duration, Instant};

use domain::{DatabaseMode, InstallationId, RoleName, SchemaName, TenantState};
use serde_json::json;
use sqlx::{Connection as _, PgConnection, PgPool};
use store::{origin, tenants};
use tenantdb::{
    Shared,
    copied::{self, Copied},
    door::{self, Door},
    share,
};

use crate::{
    actor::actor,
    connection::{Database, copied as refused},
    failure::{Done, Failure},
    show,
};

/// Schemas for which one connection is used: a backend's caches grow with every schema it touches.
const PAGE: i64 = 200;

const SAY_EVERY: Duration = Duration::from_secs(2);

/// Roles that are named, at most.
const SHOWN: i64 = 20;

#[derive(Debug)]
struct Adoption<'a> {
    pool: &'a PgPool,
    original: InstallationId,
    heir: InstallationId,
    connection_limit: i32,
    shared: Shared,
}

/// What was done, by this run.
#[derive(Debug, Default)]
struct Count {
    tenants: u64,
    spares: u64,
}

pub(super) async fn adopt(db: Database<'_>) -> anyhow::Result<Done> {
    let Database { settings, pool, .. } = db;
    let mut conn = pool.acquire().await?;
    let begun = origin::begin_copy(&mut conn, &actor()).await.map_err(|e| refused(&e))?;
    drop(conn);
    let Some((original, heir)) = begun else {
        show::line("nothing to do: this database is not a copy");
        return Ok(Done::Well);
    };
    let connection_limit = settings.tenants.connection_limit;
    let shared = worker::shared(&settings.tenants);
    let adoption = Adoption { pool, original, heir, connection_limit, shared };
    let (count, left) = adoption.run().await?;
    tell(db.json, &adoption, &count, &left);
    Ok(Done::well_if(left.is_empty()))
}

fn tell(json: bool, adoption: &Adoption<'_>, count: &Count, left: &[String]) {
    let Adoption { original, heir, .. } = adoption;
    let Count { tenants, spares } = count;
    if json {
        let told = json!({ "original": original, "installation": heir, "tenants": tenants,
            "spares_dropped": spares, "roles_with_rights": left });
        return show::raw(&told.to_string());
    }
    let (tenants, spares) = (show::counted(*tenants, "tenant"), show::counted(*spares, "spare"));
    show::line(format!(
        "this copy of installation {original} is installation {heir} now: {tenants} got roles of \
         their own, {spares} dropped"
    ));
    for role in left {
        show::note(format!(
            "role {role} of the original still has rights in this database: revoke them"
        ));
    }
    show::note("its queue is paused: start the API and workers, then `tenantry queue resume`");
}

impl Adoption<'_> {
    async fn run(&self) -> anyhow::Result<(Count, Vec<String>)> {
        let mut conn = self.pool.acquire().await?;
        copied::drop_makers(&mut conn, &self.original).await?;
        copied::disown_shared(&mut conn, &self.original).await?;
        let mode = store::database_mode(&mut conn).await?;
        let mode = mode.unwrap_or(DatabaseMode::Own);
        tenantdb::bootstrap_as(&mut conn, &self.heir, mode, &[])
            .await
            .map_err(|e| Failure::new(telemetry::chain(&e)))?;
        share::grant(&mut conn, &self.heir, &self.shared).await?;
        drop(conn);
        let count = self.hand_over_all().await?;
        let mut conn = self.pool.acquire().await?;
        let mut tx = conn.begin().await?;
        let (original, heir) = (&self.original, &self.heir);
        origin::end_copy(&mut tx, original, heir, &actor()).await?;
        let left = copied::heirless(&mut tx, original, SHOWN).await?;
        tx.commit().await?;
        Ok((count, left))
    }

    async fn hand_over_all(&self) -> anyhow::Result<Count> {
        let (mut count, mut after, mut said) = (Count::default(), String::new(), Instant::now());
        loop {
            let mut conn = self.pool.acquire().await?;
            let page = copied::schemas(&mut conn, &self.original, &after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(count) };
            after = last.schema.to_string();
            for schema in &page {
                self.hand_over(&mut conn, schema, &mut count).await?;
                if said.elapsed() >= SAY_EVERY {
                    show::note(format!("  {} tenants so far", count.tenants));
                    said = Instant::now();
                }
            }
            conn.close().await?;
        }
    }

    async fn hand_over(
        &self,
        conn: &mut PgConnection,
        it: &Copied,
        count: &mut Count,
    ) -> anyhow::Result<()> {
        let tenant = it.mark.tenant;
        let role = RoleName::of(&self.heir, tenant);
        let mut tx = conn.begin().await?;
        if it.schema == SchemaName::of_spare(tenant) {
            tenantdb::schema::drop(&mut tx, &it.schema).await?;
            count.spares += 1;
        } else if origin::give_role(&mut tx, tenant, &it.schema, &role).await? {
            let (heir, limit) = (&self.heir, self.connection_limit);
            let given = copied::hand_over(&mut tx, it, heir, limit, self.shared.path()).await;
            if !given? {
                let taken = format!("role {role} exists and is not this installation's");
                return Err(Failure::new(taken)
                    .advise("drop or rename it, and run this again")
                    .into());
            }
            let state = tenants::state(&mut tx, tenant).await?;
            if matches!(state, Some(TenantState::Suspended | TenantState::Deleting)) {
                door::close(&mut tx, Door { role: &role, schema: &it.schema }).await?;
            }
            count.tenants += 1;
        } else {
            copied::disown(&mut tx, it, &self.heir).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
