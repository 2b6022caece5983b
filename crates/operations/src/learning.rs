//! Learns what the tenant migrations make, and holds it against what the installation remembers.
//!
//! A migration may ask the whole database whether something exists. What it makes then depends on
//! what lies there. So the first result is remembered, and a process that learns another one from
//! the same files refuses to start.

use domain::Version;
use sqlx::{Connection as _, PgConnection};
use store::promises::{self, Text};
use store::shared_migrations;
use tenantdb::migrations::{self, MigrateError, Migration, MigrationSet};
use tenantdb::shape::{Shape, listing};
use tenantdb::{Promise, ledger, survey_format};

/// The tenant migrations are not those that this installation knows, or do not work.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    /// They do not run on an empty schema.
    #[error("the tenant migrations do not build an empty schema")]
    Migrate(#[from] MigrateError),
    /// A version has another text than the one that the installation knows.
    #[error(
        "tenant migration {version} ({file}) has another text than the one this installation knows: \
         put the old text back and write a new migration; if the edit is deliberate and no tenant \
         has this version, run `tenantry migrate tenant relearn`"
    )]
    Edited { version: Version, file: String },
    /// The same files make something else than they did at first.
    #[error(
        "the tenant migrations make something else than when they were first learnt at {learnt_at}: \
         {}; a migration asks for something outside its tenant's schema, or the database has \
         changed; `tenantry migrate tenant relearn` accepts what they make now",
        listing(differences)
    )]
    Differs {
        /// When they were first learnt.
        learnt_at: String,
        differences: Vec<String>,
    },
    /// They make something else where another tenant has the same objects.
    #[error(
        "the tenant migrations make something else in a second schema: {}; a migration asks the \
         whole database whether an object exists: ask in the tenant's schema alone, with \
         `current_schema()`",
        listing(.0)
    )]
    NotRepeatable(Vec<String>),
    /// Tenants have a version with another text than the set's.
    #[error(
        "tenant migration {version} was edited, and {tenants} tenants have it with its old text: put the old \
         text back and write a new migration"
    )]
    Had {
        version: Version,
        /// How many tenants have it.
        tenants: i64,
    },
    /// They need shared migrations that are not applied.
    #[error("{}", needs_shared(.0))]
    NeedsShared(Vec<Version>),
    #[error("could not read what the installation knows of the tenant migrations")]
    Database(#[from] sqlx::Error),
}

impl LearnError {
    /// The database's part in it, if it had one.
    #[must_use]
    pub fn database(&self) -> Option<&sqlx::Error> {
        match self {
            Self::Migrate(error) => error.database(),
            Self::Database(error) => Some(error),
            _ => None,
        }
    }
}

/// That the shared migrations `lacking` are needed, and what applies them.
#[must_use]
pub fn needs_shared(lacking: &[Version]) -> String {
    let lacking: Vec<&str> = lacking.iter().map(Version::as_str).collect();
    format!(
        "the tenant migrations need shared migration {}, which is not applied: run `tenantry migrate shared up`",
        lacking.join(", ")
    )
}

/// Refuses a set of which a file needs a shared migration that is not applied. Costs nothing where none does.
///
/// # Errors
/// [`LearnError::NeedsShared`] with these.
pub async fn require_shared(conn: &mut PgConnection, set: &MigrationSet) -> Result<(), LearnError> {
    if !set.needs_shared() {
        return Ok(());
    }
    ledger::register(conn, set).await?;
    let lacking = shared_migrations::lacking(conn, set.hash()).await?;
    if lacking.is_empty() { Ok(()) } else { Err(LearnError::NeedsShared(lacking)) }
}

/// A set of which all is known that its files do not say.
#[derive(Debug)]
pub struct Learnt {
    /// The set, which knows its segments and whether one transaction is enough for a new tenant.
    pub set: MigrationSet,
    /// What it makes of an empty schema.
    pub promise: Promise,
}

/// Learns where the set's transactions end, once, and what it makes of an empty schema: the same that it
/// made when the installation first learnt it. Registers the set, so that tenants' rows in the ledger can
/// name it.
///
/// # Errors
/// When a version has another text than the installation knows, the set makes something else than it
/// did at first, does not work, or needs a shared migration that is not applied.
pub async fn learn(conn: &mut PgConnection, set: &MigrationSet) -> Result<Learnt, LearnError> {
    check_texts(conn, set).await?;
    require_shared(conn, set).await?;
    ledger::register(conn, set).await?;
    let key = promises::key(conn, set.hash(), survey_format()).await?;
    let remembered = promises::remembered(conn, key).await?;
    let is_new = remembered.is_none();
    let boundaries = match remembered.and_then(|remembered| remembered.boundaries) {
        Some(boundaries) => boundaries,
        None => migrations::boundaries(conn, set).await?,
    };
    let set = &set.clone().cut_before(&boundaries);
    let promise = Promise::learn(conn, set).await?;
    if is_new {
        let differences = promise.repeats(conn, set).await?;
        if !differences.is_empty() {
            return Err(LearnError::NotRepeatable(differences));
        }
        let shape = serde_json::to_value(promise.in_any_schema()).map_err(decoding)?;
        let mut tx = conn.begin().await?;
        promises::remember(&mut tx, key, &shape).await?;
        let known = promises::texts(&mut tx).await?;
        promises::learn_texts(&mut tx, &texts(set, &known)).await?;
        tx.commit().await?;
    }
    promises::learn_boundaries(conn, key, &boundaries).await?;
    // Another process may have been the first.
    check_texts(conn, set).await?;
    let Some(first) = promises::remembered(conn, key).await? else {
        return Err(sqlx::Error::RowNotFound.into());
    };
    let expected: Shape = serde_json::from_value(first.shape).map_err(decoding)?;
    let differences = promise.differences_from(&expected);
    if differences.is_empty() {
        let set = set.clone().in_one_transaction(promise.is_one_transaction());
        return Ok(Learnt { set, promise });
    }
    let learnt_at = first.learnt_at.format("%Y-%m-%d %H:%M:%S UTC").to_string();
    Err(LearnError::Differs { learnt_at, differences })
}

/// What a relearning has changed.
#[derive(Debug, Default)]
pub struct Relearnt {
    /// Versions whose text is another now.
    pub edited: Vec<Version>,
    /// What the set makes now that it did not make before.
    pub differences: Vec<String>,
}

/// Accepts the texts of the set, and what it makes now, in place of what the installation knew.
///
/// # Errors
/// When the set does not work, needs a shared migration, or makes something else in every schema; when a tenant
/// has a version with another text.
pub async fn relearn(conn: &mut PgConnection, set: &MigrationSet) -> Result<Relearnt, LearnError> {
    if let Some((version, tenants)) = ledger::edited(conn, set).await?.into_iter().next() {
        return Err(LearnError::Had { version, tenants });
    }
    require_shared(conn, set).await?;
    let boundaries = migrations::boundaries(conn, set).await?;
    let set = &set.clone().cut_before(&boundaries);
    let promise = Promise::learn(conn, set).await?;
    let repeats = promise.repeats(conn, set).await?;
    if !repeats.is_empty() {
        return Err(LearnError::NotRepeatable(repeats));
    }
    let key = promises::key(conn, set.hash(), survey_format()).await?;
    let known = promises::texts(conn).await?;
    let edited = edited(&known, set).map(|m| m.version().clone()).collect();
    let differences = match promises::remembered(conn, key).await? {
        None => Vec::new(),
        Some(first) => {
            let expected: Shape = serde_json::from_value(first.shape).map_err(decoding)?;
            promise.differences_from(&expected)
        }
    };
    let shape = serde_json::to_value(promise.in_any_schema()).map_err(decoding)?;
    let mut tx = conn.begin().await?;
    ledger::register(&mut tx, set).await?;
    promises::relearn_texts(&mut tx, &texts(set, &known)).await?;
    promises::forget(&mut tx, key).await?;
    promises::remember(&mut tx, key, &shape).await?;
    promises::learn_boundaries(&mut tx, key, &boundaries).await?;
    tx.commit().await?;
    Ok(Relearnt { edited, differences })
}

/// Refuses a set in which a version has another text than the installation knows.
///
/// # Errors
/// [`LearnError::Edited`] with the first such version.
pub async fn check_texts(conn: &mut PgConnection, set: &MigrationSet) -> Result<(), LearnError> {
    let known = promises::texts(conn).await?;
    match edited(&known, set).next() {
        None => Ok(()),
        Some(migration) => Err(LearnError::Edited {
            version: migration.version().clone(),
            file: migration.file().to_owned(),
        }),
    }
}

fn edited<'a>(known: &'a [Text], set: &'a MigrationSet) -> impl Iterator<Item = &'a Migration> {
    set.iter().filter(|migration| {
        known_as(known, migration).is_some_and(|text| !migration.has_checksum(&text.checksum))
    })
}

/// The text that is known of a migration, whose version may be spelled in another way by now.
fn known_as<'a>(known: &'a [Text], migration: &Migration) -> Option<&'a Text> {
    known.iter().find(|text| migration.is_recorded_as(&text.version, &text.checksum))
}

/// The texts of a set, under the versions by which they are known.
fn texts(set: &MigrationSet, known: &[Text]) -> Vec<Text> {
    let text = |(place, migration): (i32, &Migration)| {
        let version = known_as(known, migration).map_or(migration.version(), |text| &text.version);
        Text { version: version.clone(), checksum: migration.checksum().to_owned(), place }
    };
    (0..).zip(set.iter()).map(text).collect()
}

fn decoding(error: serde_json::Error) -> LearnError {
    LearnError::Database(sqlx::Error::Decode(Box::new(error)))
}
