//! Builds tenants in advance, and drops those that nobody is to get.
//!
//! A spare is what the first steps of the plan make of an empty database, under names of its own. It
//! comes and goes in one transaction with its row in the pool, so that no crash leaves half of it. One
//! process at a time does either.

use std::{sync::Arc, time::Duration};

use domain::{RoleName, SchemaName, TenantId};
use engine::crash_point;
use sqlx::{Connection as _, PgConnection, postgres::PgDatabaseError};
use store::{Connections, StageLimits, spares};
use tenantdb::{
    Subject, application_role,
    migrations::MigrateError,
    newcomers, own_row, role, schema,
    verify::{self, VerifyError},
};
use tracing::warn;

use crate::Parts;

/// How long spares that were built by something else of the same version are left alone: longer
/// than a fleet of workers takes to be replaced.
const OTHERS_ARE_LEFT_FOR: Duration = Duration::from_secs(600);

/// Spares looked at in one go.
const MOST_LOOKED_AT: u32 = 1_000;

#[derive(Debug, Clone)]
pub struct SpareBuilder {
    pool: Connections,
    parts: Arc<Parts>,
    limits: StageLimits,
}

/// A spare could not be built or dropped.
#[derive(Debug, thiserror::Error)]
pub enum SpareError {
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    #[error("the tenant migrations could not be applied")]
    Migrations(#[from] MigrateError),
    /// What was built is not what the migrations promise.
    #[error("a spare is not as it should be")]
    Refuted(#[from] VerifyError),
}

struct Names {
    id: TenantId,
    schema: SchemaName,
    role: RoleName,
}

/// SQLSTATE 42501: the connected role lacks a right; 2BP01: the spare's role has something outside of its schema.
fn may_not_be_dropped(error: &sqlx::Error) -> bool {
    store::is_state(error, &["42501", "2BP01"])
}

/// What the server says of what keeps a role.
fn kept_by(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error()?.try_downcast_ref::<PgDatabaseError>()?.detail()
}

impl SpareBuilder {
    /// A builder whose transactions keep to `limits`.
    #[must_use]
    pub fn new(pool: impl Into<Connections>, parts: Arc<Parts>, limits: StageLimits) -> Self {
        Self { pool: pool.into(), parts, limits }
    }

    /// The same, with spares made of other parts.
    #[must_use]
    pub fn made_of(self, parts: Arc<Parts>) -> Self {
        Self { parts, ..self }
    }

    /// Why no tenants may be built in advance, if that is so.
    #[must_use]
    pub fn may_not_build(&self) -> Option<&'static str> {
        self.parts.promise.no_spares()
    }

    /// How many spares there are.
    pub async fn count(&self) -> sqlx::Result<spares::SpareCount> {
        let mut conn = self.pool.acquire().await?;
        spares::count(&mut conn, self.parts.stamp()).await
    }

    /// Builds at most `most` spares in one transaction, as long as there are fewer than `size`, and
    /// says how many; none while another process builds or drops some.
    ///
    /// # Errors
    /// When the database fails, or what was built is not as promised. Nothing is left then.
    pub async fn build(&self, most: usize, size: usize) -> Result<usize, SpareError> {
        let parts = &self.parts;
        // one of those that give them away
        let mut conn = self.pool.acquire_warm().await?;
        let mut tx = conn.begin().await?;
        if !spares::refill_lock(&mut tx).await? {
            return Ok(0);
        }
        let ready = spares::count(&mut tx, parts.stamp()).await?.ready;
        let wanted = size.saturating_sub(usize::try_from(ready).unwrap_or(usize::MAX)).min(most);
        if wanted == 0 || !self.has_room_for(&mut tx, wanted).await? {
            return Ok(0);
        }
        let ids = spares::allocate_ids(&mut tx, wanted).await?;
        store::open_stage(&mut tx, &[], self.limits).await?;
        crash_point("before", "build_spares");
        self.make(&mut tx, &ids).await?;
        let installation = &parts.installation;
        let prints = newcomers::fingerprints(&mut tx, installation, ids.iter().copied()).await?;
        spares::record(&mut tx, &ids, &prints, parts.stamp(), parts.migrations.head()).await?;
        crash_point("before_commit", "build_spares");
        tx.commit().await?;
        crash_point("after_commit", "build_spares");
        self.make_ready(&mut conn, &ids).await?;
        self.pool.give_back(conn);
        Ok(wanted)
    }

    /// Does what the first to use a spare would wait for. The first read of new catalogue rows also marks them as
    /// committed, and takes three times as long as the next; and a session that has opened a table once writes to it
    /// in a fifth of the time.
    async fn make_ready(&self, conn: &mut PgConnection, ids: &[TenantId]) -> sqlx::Result<()> {
        newcomers::fingerprints(conn, &self.parts.installation, ids.iter().copied()).await?;
        if self.parts.promise.has_own_row() {
            let schemas: Vec<SchemaName> = ids.iter().copied().map(SchemaName::of_spare).collect();
            let mut tx = conn.begin().await?;
            own_row::lay_out(&mut tx, &schemas.iter().collect::<Vec<_>>()).await?;
            // nothing to keep, so nothing to wait for
            tx.rollback().await?;
        }
        Ok(())
    }

    /// Whether the application's role may become so many tenants more: the last places are left to
    /// tenants that are asked for.
    async fn has_room_for(&self, conn: &mut PgConnection, spares: usize) -> sqlx::Result<bool> {
        match &self.parts.application {
            Some(application) => {
                let lacking = application_role::lacking(conn, application.name()).await?;
                Ok(lacking.is_empty() && application.has_room_for(conn, spares).await?)
            }
            None => Ok(true),
        }
    }

    async fn make(&self, conn: &mut PgConnection, ids: &[TenantId]) -> Result<(), SpareError> {
        let parts = &self.parts;
        let names: Vec<Names> = ids.iter().map(|id| self.names(*id)).collect();
        let newcomers: Vec<Subject<'_>> = names
            .iter()
            .map(|Names { id, schema, role }| Subject {
                schema,
                role,
                mark: parts.mark(*id),
                neighbour: None,
                path: parts.migrations.path(),
                application_role: parts.application_role(),
            })
            .collect();
        newcomers::create_roles(conn, &newcomers, parts.connection_limit).await?;
        newcomers::create_schemas(conn, &newcomers).await?;
        newcomers::migrate_spares(conn, &newcomers, &parts.migrations).await?;
        newcomers::grant(conn, &newcomers, &parts.promise).await?;
        Ok(verify::verify_newcomers(conn, &newcomers, &parts.promise).await?)
    }

    /// Drops one spare that nobody is to get, if there is one: built by something older, or by
    /// something else long ago; or one of more than `size`. Says whether there was one.
    pub async fn drop_one(&self, size: usize) -> Result<bool, SpareError> {
        let (stamp, older) = (self.parts.stamp(), self.parts.migrations.older());
        let mut conn = self.pool.acquire().await?;
        let mut unwanted = spares::stale(&mut conn, stamp, &older, OTHERS_ARE_LEFT_FOR, 1).await?;
        if unwanted.is_empty() {
            let most = u32::try_from(size + 1).unwrap_or(u32::MAX);
            let ready = spares::ready(&mut conn, stamp, most).await?;
            unwanted.extend(ready.first().filter(|_| ready.len() > size).map(|spare| spare.id));
        }
        drop(conn);
        match unwanted.first() {
            Some(spare) => self.discard(*spare).await,
            None => Ok(false),
        }
    }

    /// Drops the spares that no tenant can get, and says how many they were: those that are not as
    /// they were built, as somebody meddled, and those whose role we may not rename.
    pub async fn weed_out(&self) -> Result<usize, SpareError> {
        let mut conn = self.pool.acquire().await?;
        let ready = spares::ready(&mut conn, self.parts.stamp(), MOST_LOOKED_AT).await?;
        let looked_at = ready.iter().map(|spare| (spare.id, spare.fingerprint.as_str()));
        let looked_at: Vec<_> = looked_at.collect();
        let (installation, application) = (&self.parts.installation, self.parts.application_role());
        let path = self.parts.migrations.path();
        let faults =
            verify::look_at_spares(&mut conn, installation, application, &looked_at, path).await?;
        let mut unfit = Vec::new();
        for (spare, faults) in ready.iter().zip(faults) {
            let role = self.names(spare.id).role;
            if !faults.is_empty() || role::missing_right(&mut conn, &role).await?.is_some() {
                unfit.push(spare.id);
            }
        }
        drop(conn);
        let mut dropped = 0;
        for spare in unfit {
            dropped += usize::from(self.discard(spare).await?);
        }
        Ok(dropped)
    }

    /// Takes the spare out of the pool and drops it. What may not be dropped is left where it is, and
    /// the missing right is told once.
    async fn discard(&self, spare: TenantId) -> Result<bool, SpareError> {
        match self.drop_both(spare).await {
            Err(SpareError::Database(error)) if may_not_be_dropped(&error) => {
                self.leave(spare, kept_by(&error)).await
            }
            dropped => dropped,
        }
    }

    async fn leave(&self, spare: TenantId, kept_by: Option<&str>) -> Result<bool, SpareError> {
        let names = self.names(spare);
        let mut tx = self.pool.begin().await?;
        if !spares::refill_lock(&mut tx).await? || !spares::remove(&mut tx, spare).await? {
            return Ok(false);
        }
        let missing = role::missing_right(&mut tx, &names.role).await?;
        tx.commit().await?;
        let (schema, role) = (&names.schema, &names.role);
        let remedy = match (kept_by, missing) {
            (Some(what), _) => format!("take from the role what it has elsewhere ({what})"),
            (None, Some(grant)) => format!("run `{grant}` as a superuser"),
            (None, None) => format!("make this user the owner of schema {schema}"),
        };
        warn!(
            spare.id = %spare,
            "spare {spare} leaves the pool and is not dropped: this worker's database user may not \
             drop schema {schema} or role {role}: {remedy}, then run `tenantry doctor \
             --fix schema_without_tenant --fix role_without_tenant`"
        );
        Ok(true)
    }

    /// Takes the spare out of the pool and drops what bears its mark, both or neither.
    async fn drop_both(&self, spare: TenantId) -> Result<bool, SpareError> {
        let mut tx = self.pool.begin().await?;
        let dropped = self.drop_within(&mut tx, spare).await;
        if !matches!(dropped, Ok(true)) {
            // said here, so that the lease is free when this returns
            tx.rollback().await?;
            return dropped;
        }
        crash_point("before_commit", "drop_spare");
        tx.commit().await?;
        dropped
    }

    async fn drop_within(
        &self,
        tx: &mut PgConnection,
        spare: TenantId,
    ) -> Result<bool, SpareError> {
        let (names, mark) = (self.names(spare), self.parts.mark(spare));
        store::open_stage(tx, &[], self.limits).await?;
        if !spares::refill_lock(tx).await? || !spares::remove(tx, spare).await? {
            return Ok(false);
        }
        crash_point("before", "drop_spare");
        schema::drop_owned(tx, &names.schema, &mark).await?;
        role::drop_owned(tx, &names.role, &mark).await?;
        Ok(true)
    }

    fn names(&self, id: TenantId) -> Names {
        let role = RoleName::of(&self.parts.installation, id);
        Names { id, schema: SchemaName::of_spare(id), role }
    }
}
