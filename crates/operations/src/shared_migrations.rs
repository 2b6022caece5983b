//! The application's own tables: brings their schema, of which there is one beside the tenants', to a version of
//! the shared migrations.
//!
//! A command does this and no worker: it comes before the tenants' migrations, which may need it. The files run as
//! a tenant's do, segment by segment, with the same limits; one process at a time.

use std::time::Duration;

use domain::{SchemaName, Version};
use serde_json::json;
use sqlx::{Connection as _, PgConnection, PgPool};
use store::{audit, shared_migrations as store_shared};
use tenantdb::{
    ledger::{self, Entry, Holder},
    migrations::{
        self, MigrateError, Migration, MigrationSet, Segment, Standing, StatementLimits, Target,
    },
    share,
};
use tracing::warn;

use crate::{migrate::limits, segments::OUTSIDE};

/// Tries of a transaction that waits too long for a lock, or is ended as a deadlock, and the pause between two:
/// readers that queued behind it go on.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// The shared migrations, and the schema that they are for.
#[derive(Debug, Clone)]
pub struct SharedMigrations {
    pub schema: SchemaName,
    pub set: MigrationSet,
}

/// The application's schema could not be brought to a version. Segments before the one that failed stay.
#[derive(Debug, thiserror::Error)]
pub enum SharedError {
    #[error("the shared migrations could not be run in schema {schema}")]
    Migrate {
        schema: String,
        #[source]
        source: MigrateError,
    },
    /// They were applied to another schema.
    #[error(
        "shared migrations are applied in schema {there}, and `tenants.shared_schema` is {asked}"
    )]
    OtherSchema { there: String, asked: String },
    /// The schema is not for them.
    #[error("schema {schema} cannot take the shared migrations: {why}")]
    Unfit { schema: String, why: String },
    /// Tenants, or the migrations of running workers, need what would be taken back.
    #[error(
        "shared migration {version} is needed by tenants, or by the tenant migrations of a running worker: \
         nothing was taken back"
    )]
    Needed { version: Version },
    #[error("could not read or record the shared migrations")]
    Database(#[from] sqlx::Error),
}

impl SharedError {
    /// A stable name for it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Migrate { source: MigrateError::Edited { .. }, .. } => "shared_migration_edited",
            Self::Migrate { source: MigrateError::NoSuchVersion { .. }, .. } => "unknown_version",
            Self::Migrate { .. } => "shared_migration_failed",
            Self::OtherSchema { .. } | Self::Unfit { .. } => "shared_schema_unfit",
            Self::Needed { .. } => "shared_migration_needed",
            Self::Database(_) => "database_unavailable",
        }
    }
}

impl SharedMigrations {
    /// How the application's schema stands.
    ///
    /// # Errors
    /// [`SharedError::OtherSchema`]; when the database fails.
    pub async fn standing(&self, conn: &mut PgConnection) -> Result<Standing<'_>, SharedError> {
        let there = store_shared::schema(conn).await?;
        if let Some(there) = there.filter(|there| there != self.schema.as_str()) {
            let asked = self.schema.as_str().to_owned();
            return Err(SharedError::OtherSchema { there, asked });
        }
        let entry = ledger::application(conn).await?;
        Ok(self.set.compare(entry.iter().flat_map(Entry::records)))
    }

    /// What [`up`](Self::up) would apply, oldest first.
    ///
    /// # Errors
    /// As [`up`](Self::up), as far as nothing has to be run for it.
    pub async fn pending(
        &self,
        conn: &mut PgConnection,
        to: Option<&Target>,
    ) -> Result<Vec<&Migration>, SharedError> {
        let Standing { missing, edited, unknown, .. } = self.standing(conn).await?;
        if let Some(version) = unknown.first() {
            return Err(self.failed(MigrateError::Unknown { version: version.clone() }));
        }
        if let Some(edited) = edited.first() {
            return Err(self.failed(MigrateError::Edited { version: edited.version().clone() }));
        }
        let keeps = to.map_or(Ok(self.set.iter().len()), |to| to.keeps(&self.set));
        let keeps = keeps.map_err(|e| self.failed(e))?;
        let is_asked = |m: &&Migration| self.set.place(m.version()).is_some_and(|at| at < keeps);
        Ok(missing.into_iter().filter(is_asked).collect())
    }

    /// Applies what is pending, or of that what is not newer than `to`; gives what was applied. The schema is made
    /// if it is not there. Another process that does the same goes first.
    ///
    /// # Errors
    /// [`SharedError`]; what was committed before stays.
    pub async fn up(
        &self,
        pool: &PgPool,
        actor: &str,
        to: Option<&Target>,
    ) -> Result<Vec<Version>, SharedError> {
        let guard = store_shared::alone(pool).await?;
        let mut conn = pool.acquire().await?;
        let pending = self.pending(&mut conn, to).await?;
        let mut applied = Vec::new();
        if !pending.is_empty() {
            let later = self.standing(&mut conn).await?.missing;
            let later: Vec<&Migration> =
                later.into_iter().filter(|m| !has(&pending, m.version())).collect();
            let set = self.set.without(&later);
            if let Some(why) = share::claim_schema(&mut conn, &self.schema).await? {
                return Err(SharedError::Unfit { schema: self.schema.as_str().to_owned(), why });
            }
            let boundaries = migrations::boundaries(&mut conn, &set).await;
            let set = set.cut_before(&boundaries.map_err(|e| self.failed(e))?);
            for segment in set.segments() {
                applied
                    .extend(self.run(pool, &mut conn, &set, &segment, (actor, "applied")).await?);
            }
        }
        guard.rollback().await?;
        Ok(applied)
    }

    /// Takes back all that is newer than `to`, newest first; gives what was taken back.
    ///
    /// # Errors
    /// [`SharedError`]; [`SharedError::Needed`] where tenants or live workers, heard of within `dead_after`, need
    /// what would go.
    pub async fn down(
        &self,
        pool: &PgPool,
        actor: &str,
        to: &Target,
        dead_after: Duration,
    ) -> Result<Vec<Version>, SharedError> {
        let guard = store_shared::alone(pool).await?;
        let mut conn = pool.acquire().await?;
        self.standing(&mut conn).await?;
        let segments = self.set.segments_back(to).map_err(|e| self.failed(e))?;
        let needed = store_shared::needed(&mut conn, dead_after).await?;
        let going = segments.iter().flat_map(Segment::files);
        if let Some(held) = going.map(Migration::version).find(|version| needed.contains(version)) {
            return Err(SharedError::Needed { version: held.clone() });
        }
        let mut reverted = Vec::new();
        for segment in &segments {
            let by = (actor, "reverted");
            reverted.extend(self.run(pool, &mut conn, &self.set, segment, by).await?);
        }
        guard.rollback().await?;
        Ok(reverted)
    }

    /// Takes the schema through one segment, and says in the audit log what was done.
    async fn run(
        &self,
        pool: &PgPool,
        conn: &mut PgConnection,
        set: &MigrationSet,
        segment: &Segment<'_>,
        by: (&str, &str),
    ) -> Result<Vec<Version>, SharedError> {
        if !segment.is_in_transaction() {
            let (of, schema) = (Holder::Application, &self.schema);
            let left = migrations::outstanding(conn, of, schema, set, segment).await;
            if left.map_err(|e| self.failed(e))?.is_empty() {
                return Ok(Vec::new());
            }
            let session = store::open(&pool.connect_options()).await?;
            let limits = StatementLimits { statement: OUTSIDE, lock: limits().lock };
            migrations::run_no_transaction(session, schema, set, segment, limits)
                .await
                .map_err(|e| self.failed(e))?;
        }
        for _ in 1..TRIES {
            match self.commit(conn, set, segment, by).await {
                Err(error) if meets_others(&error) => {
                    warn!(cause = telemetry::chain(&error), "others use the tables; trying again");
                    tokio::time::sleep(PAUSE).await;
                }
                done => return done,
            }
        }
        self.commit(conn, set, segment, by).await
    }

    async fn commit(
        &self,
        conn: &mut PgConnection,
        set: &MigrationSet,
        segment: &Segment<'_>,
        (actor, done): (&str, &str),
    ) -> Result<Vec<Version>, SharedError> {
        let (of, schema) = (Holder::Application, &self.schema);
        let mut tx = conn.begin().await?;
        store::open_stage(&mut tx, &[], limits()).await?;
        let ran = match segment.is_in_transaction() {
            true => migrations::run_segment(&mut tx, of, schema, set, segment).await,
            false => migrations::record_segment(&mut tx, of, schema, set, segment).await,
        };
        let ran = ran.map_err(|e| self.failed(e))?;
        if !ran.is_empty() {
            let detail = json!({ "schema": schema.as_str(), done: ran });
            let action = "shared.migrated";
            let entry = audit::Entry { actor, action, detail, ..Default::default() };
            audit::append(&mut tx, entry).await?;
        }
        tx.commit().await?;
        Ok(ran)
    }

    fn failed(&self, source: MigrateError) -> SharedError {
        SharedError::Migrate { schema: self.schema.as_str().to_owned(), source }
    }
}

fn has(files: &[&Migration], version: &Version) -> bool {
    files.iter().any(|file| file.version() == version)
}

/// Whether it waited too long for a lock, or was ended as a deadlock.
fn meets_others(error: &SharedError) -> bool {
    let SharedError::Migrate { source, .. } = error else { return false };
    source.database().is_some_and(|error| store::is_state(error, &["55P03", "40P01"]))
}
