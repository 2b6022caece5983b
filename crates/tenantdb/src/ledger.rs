//! What each tenant has of the migrations: one row in `tenantry.tenant_migrations`, which names a set
//! of files by its hash and the version reached in it.
//!
//! The row is written in the transaction that migrates. A state that is no beginning of the set at hand
//! is written as a set of exactly what is there.

mod reached;
mod version_tables;

use std::collections::{BTreeSet, HashMap};

use domain::{SchemaName, TenantId, Version};
use sha2::{Digest as _, Sha384};
use sqlx::types::chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row as _, postgres::PgRow};

use crate::ident::run;
use crate::migrations::{Migration, MigrationSet};

pub(crate) use reached::Reached;
pub use version_tables::carry_over;

/// A migration as it was when it was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedMigration {
    /// Its version, as it was spelled then.
    pub version: Version,
    pub description: String,
    /// SHA-384 of its text then, in hexadecimal.
    pub checksum: String,
    /// The shared migration that it needs.
    pub needs_shared: Option<Version>,
}

impl AppliedMigration {
    /// Version and checksum, for [`compare`](MigrationSet::compare).
    #[must_use]
    pub fn record(&self) -> (&Version, &str) {
        (&self.version, &self.checksum)
    }
}

impl From<&Migration> for AppliedMigration {
    fn from(migration: &Migration) -> Self {
        Self {
            version: migration.version().clone(),
            description: migration.description().to_owned(),
            checksum: migration.checksum().to_owned(),
            needs_shared: migration.needs_shared().cloned(),
        }
    }
}

/// Whose schema a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    Tenant(TenantId),
    /// The application itself: what its schema has is in `tenantry.shared_migrations`.
    Application,
}

impl From<TenantId> for Holder {
    fn from(tenant: TenantId) -> Self {
        Self::Tenant(tenant)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub set_hash: String,
    /// The version reached; `None` = nothing is applied.
    pub version: Option<Version>,
    /// What is applied, in the order of the set.
    pub applied: Vec<AppliedMigration>,
    /// When the transaction began that wrote the row, by the database's clock.
    pub applied_at: DateTime<Utc>,
}

impl Entry {
    /// Version and checksum of what is applied, for [`compare`](MigrationSet::compare).
    pub fn records(&self) -> impl Iterator<Item = (&Version, &str)> {
        self.applied.iter().map(AppliedMigration::record)
    }

    /// Whether all of the set is applied, under its own hash.
    #[must_use]
    pub fn is_all_of(&self, set: &MigrationSet) -> bool {
        self.set_hash == set.hash() && self.version.as_ref() == set.head()
    }
}

/// The rows of the tenants, in their order; `None` without a row. Two messages for all of them.
pub async fn read(
    conn: &mut PgConnection,
    tenants: &[TenantId],
) -> sqlx::Result<Vec<Option<Entry>>> {
    let ids: Vec<i64> = tenants.iter().map(|tenant| tenant.get()).collect();
    let rows: Vec<(i64, String, Option<String>, DateTime<Utc>)> = sqlx::query_as(
        "select tenant_id, set_hash, version, applied_at from tenantry.tenant_migrations
         where tenant_id = any($1)",
    )
    .bind(&ids)
    .fetch_all(&mut *conn)
    .await?;
    let hashes: BTreeSet<&str> = rows.iter().map(|(_, hash, ..)| hash.as_str()).collect();
    let sets = sets(conn, hashes.into_iter().collect()).await?;
    let mut entries = HashMap::new();
    for (tenant, set_hash, version, applied_at) in rows {
        let files = sets.get(&set_hash).map(Vec::as_slice).unwrap_or_default();
        entries.insert(tenant, entry(set_hash, version, applied_at, files));
    }
    Ok(ids.iter().map(|id| entries.remove(id)).collect())
}

/// What [`find`] found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) path: String,
    pub(crate) actor: String,
    /// The owner of a schema that was imported, if that is another role.
    pub(crate) owner: Option<String>,
    pub(crate) entry: Option<Entry>,
    /// Whether its schema holds something that no row tells of.
    pub(crate) unrecorded: bool,
}

/// The rows of the tenants, in their order. If one has none, the version table in its schema is carried over
/// first, in the caller's transaction: a release before this one may have left one. Only without a row the
/// schema is looked into. One message for all that have their rows.
///
/// # Errors
/// When a row or a version table cannot be read.
pub(crate) async fn find(
    conn: &mut PgConnection,
    tenants: &[(TenantId, &SchemaName)],
) -> sqlx::Result<Vec<Found>> {
    let mut all = look_up(conn, tenants).await?;
    for ((tenant, schema), found) in tenants.iter().zip(&mut all) {
        if found.entry.is_some() {
            continue;
        }
        let (has_table, holds_something) = version_tables::look(conn, schema).await?;
        if has_table {
            carry_over(conn, &[(*tenant, (*schema).clone())]).await?;
            *found = look_up(conn, &[(*tenant, *schema)]).await?.remove(0);
        } else {
            found.unrecorded = holds_something;
        }
    }
    Ok(all)
}

/// The application's row and where the session stands, in one message. Its schema may hold whatever else.
///
/// # Errors
/// When the row cannot be read.
pub(crate) async fn find_application(conn: &mut PgConnection) -> sqlx::Result<Found> {
    let row = sqlx::query(
        "select s.versions, s.descriptions, s.checksums, m.set_hash, m.version, m.applied_at,
             current_setting('search_path'), current_user::text, s.needs_shared
         from (values (true)) one (row) left join tenantry.shared_migrations m on one.row
         left join tenantry.migration_sets s on s.hash = m.set_hash",
    )
    .fetch_one(conn)
    .await?;
    let entry = match row.try_get(3)? {
        Some(hash) => {
            let is_known = row.try_get::<Option<Vec<String>>, _>(0)?.is_some();
            let files = if is_known { files(&row)? } else { Vec::new() };
            Some(entry(hash, row.try_get(4)?, row.try_get(5)?, &files))
        }
        None => None,
    };
    let (path, actor) = (row.try_get(6)?, row.try_get(7)?);
    Ok(Found { path, actor, owner: None, entry, unrecorded: false })
}

/// What the application's schema has; `None` where nothing was ever applied.
pub async fn application(conn: &mut PgConnection) -> sqlx::Result<Option<Entry>> {
    Ok(find_application(conn).await?.entry)
}

/// The rows of the tenants and where the session stands, in one message. The files of a set come with the
/// first of the tenants in a row that have it.
async fn look_up(
    conn: &mut PgConnection,
    tenants: &[(TenantId, &SchemaName)],
) -> sqlx::Result<Vec<Found>> {
    let (ids, schemas): (Vec<i64>, Vec<&str>) =
        tenants.iter().map(|(tenant, schema)| (tenant.get(), schema.as_str())).unzip();
    let rows = sqlx::query(
        "select s.versions, s.descriptions, s.checksums, m.set_hash, m.version, m.applied_at,
             current_setting('search_path'), current_user::text, m.is_first, s.needs_shared,
             (select pg_get_userbyid(n.nspowner)::text from pg_catalog.pg_namespace n
              join pg_catalog.pg_description d on d.objoid = n.oid and d.objsubid = 0
                  and d.classoid = 'pg_catalog.pg_namespace'::regclass
                  and d.description ~ '^tenantry:.*:imported$'
              where n.nspname = m.schema and pg_get_userbyid(n.nspowner) <> current_user) as owner
         from (select n, schema, m.*, set_hash is distinct from lag(set_hash) over (order by n) as is_first
               from unnest($1::bigint[], $2::text[]) with ordinality as asked (id, schema, n)
               left join tenantry.tenant_migrations m on m.tenant_id = asked.id) m
         left join tenantry.migration_sets s on m.is_first and s.hash = m.set_hash
         order by m.n",
    )
    .bind(ids)
    .bind(schemas)
    .fetch_all(conn)
    .await?;
    let mut of_set = Vec::new();
    let mut all = Vec::with_capacity(rows.len());
    for row in &rows {
        if row.try_get(8)? {
            let is_known = row.try_get::<Option<Vec<String>>, _>(0)?.is_some();
            of_set = if is_known { files(row)? } else { Vec::new() };
        }
        let entry = match row.try_get(3)? {
            Some(hash) => Some(entry(hash, row.try_get(4)?, row.try_get(5)?, &of_set)),
            None => None,
        };
        let (path, actor, owner) = (row.try_get(6)?, row.try_get(7)?, row.try_get("owner")?);
        all.push(Found { path, actor, owner, entry, unrecorded: false });
    }
    Ok(all)
}

/// Versions that tenants have with another text than the set's, each with the number of these tenants, in
/// the set's order. Reads all rows.
pub async fn edited(
    conn: &mut PgConnection,
    set: &MigrationSet,
) -> sqlx::Result<Vec<(Version, i64)>> {
    let rows = sqlx::query(
        "select s.versions, s.descriptions, s.checksums, m.version, m.tenants, s.needs_shared
         from (select set_hash, version, count(*) as tenants from tenantry.tenant_migrations
               where version is not null group by set_hash, version) m
         join tenantry.migration_sets s on s.hash = m.set_hash",
    )
    .fetch_all(conn)
    .await?;
    let mut tenants = HashMap::new();
    for row in &rows {
        let (reached, count): (String, i64) = (row.try_get(3)?, row.try_get(4)?);
        let applied = applied(&Version::new(reached), &files(row)?);
        for migration in set.compare(applied.iter().map(AppliedMigration::record)).edited {
            *tenants.entry(migration.version().as_str()).or_insert(0) += count;
        }
    }
    let count = |m: &Migration| Some((m.version().clone(), *tenants.get(m.version().as_str())?));
    Ok(set.iter().filter_map(count).collect())
}

async fn sets(
    conn: &mut PgConnection,
    hashes: Vec<&str>,
) -> sqlx::Result<HashMap<String, Vec<AppliedMigration>>> {
    let rows = sqlx::query(
        "select versions, descriptions, checksums, hash, needs_shared from tenantry.migration_sets
         where hash = any($1)",
    )
    .bind(hashes)
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| Ok((row.try_get(3)?, files(row)?))).collect()
}

/// The files that the first three columns of a row and `needs_shared` hold.
fn files(row: &PgRow) -> sqlx::Result<Vec<AppliedMigration>> {
    let versions: Vec<String> = row.try_get(0)?;
    let descriptions: Vec<String> = row.try_get(1)?;
    let checksums: Vec<String> = row.try_get(2)?;
    let needs: Vec<Option<String>> = row.try_get("needs_shared")?;
    let needs = needs.into_iter().map(|it| it.map(Version::new)).chain(std::iter::repeat(None));
    let files = versions.into_iter().zip(descriptions).zip(checksums).zip(needs);
    let file = |(((version, description), checksum), needs_shared)| AppliedMigration {
        version: Version::new(version),
        description,
        checksum,
        needs_shared,
    };
    Ok(files.map(file).collect())
}

/// A row with the files of its set. A version that the set does not have is one that is not known.
fn entry(
    set_hash: String,
    version: Option<String>,
    applied_at: DateTime<Utc>,
    files: &[AppliedMigration],
) -> Entry {
    let version = version.map(Version::new);
    let applied = version.as_ref().map_or_else(Vec::new, |version| applied(version, files));
    Entry { set_hash, version, applied, applied_at }
}

/// The files up to the version.
fn applied(version: &Version, files: &[AppliedMigration]) -> Vec<AppliedMigration> {
    match files.iter().position(|file| file.version == *version) {
        Some(at) => files[..=at].to_vec(),
        None => vec![AppliedMigration {
            version: version.clone(),
            description: String::new(),
            checksum: String::new(),
            needs_shared: None,
        }],
    }
}

/// Makes a set known, so that rows can name it. One message; two where it needs shared migrations.
pub async fn register(conn: &mut PgConnection, set: &MigrationSet) -> sqlx::Result<()> {
    let all = Reached::all_of(set);
    run(conn, all.registration()).await?;
    respell(conn, set).await?;
    if !set.needs_shared() {
        return Ok(());
    }
    // A release that did not read the mark may have registered it. Not where tenants are migrated: those would
    // wait for each other over the row.
    let needs = set.iter().map(|file| file.needs_shared().map(Version::as_str));
    sqlx::query(
        "update tenantry.migration_sets set needs_shared = $1
         where hash = $2 and cardinality(needs_shared) = 0",
    )
    .bind(needs.collect::<Vec<_>>())
    .bind(set.hash())
    .execute(conn)
    .await
    .map(drop)
}

/// One set has one spelling of its versions, that of its files: rows are compared as texts. An earlier release wrote
/// `2` for `0002`, and a file may have been renamed.
async fn respell(conn: &mut PgConnection, set: &MigrationSet) -> sqlx::Result<()> {
    let versions: Vec<&str> = set.iter().map(|file| file.version().as_str()).collect();
    // An UPDATE waits for admissions, even of no row.
    let other =
        "select exists (select from tenantry.migration_sets where hash = $1 and versions <> $2)";
    let other = sqlx::query_scalar(other).bind(set.hash()).bind(&versions);
    if !other.fetch_one(&mut *conn).await? {
        return Ok(());
    }
    sqlx::query(
        "with known as (
             select versions from tenantry.migration_sets where hash = $1 and versions <> $2
             -- processes start together
             for update
         ), renamed as (
             update tenantry.migration_sets set versions = $2 from known where hash = $1
         ), born as (
             update tenantry.birth_versions b set version = ($2)[array_position(known.versions, b.version)]
             from known where b.set_hash = $1 and b.version = any(known.versions)
         )
         update tenantry.tenant_migrations m set version = ($2)[array_position(known.versions, m.version)]
         from known where m.set_hash = $1 and m.version = any(known.versions)",
    )
    .bind(set.hash())
    .bind(versions)
    .execute(conn)
    .await
    .map(drop)
}

/// What to do about a tenant without a row.
#[must_use]
pub fn missing(schema: &str) -> String {
    format!(
        "This tenant's record of applied migrations is missing. If an upgrade was interrupted, run \
         `tenantry migrate public up`; otherwise record what it has: `tenantry migrate tenant record \
         --schema {schema} --at VERSION`"
    )
}

/// Deletes the tenant's row: nothing of it is left.
pub async fn forget(conn: &mut PgConnection, tenant: TenantId) -> sqlx::Result<()> {
    sqlx::query("delete from tenantry.tenant_migrations where tenant_id = $1")
        .bind(tenant.get())
        .execute(conn)
        .await?;
    Ok(())
}

/// The hash of a set of these, in hexadecimal.
pub(crate) fn hash<'a>(files: impl Iterator<Item = (&'a Version, &'a str)>) -> String {
    let mut digest = Sha384::new();
    for (version, checksum) in files {
        // A number counts as the releases before counted it, so that spares and promises of a set
        // that did not change stay good.
        match version.number() {
            Some(number) => digest.update(number.to_be_bytes()),
            None => digest.update(version.key().as_bytes()),
        }
        digest.update(checksum);
    }
    hex::encode(digest.finalize())
}
