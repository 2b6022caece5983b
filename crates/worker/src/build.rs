//! Reads what the provisioning needs, once, when the worker starts.

use std::sync::Arc;

use domain::{DatabaseMode, InstallationId, SchemaName, Version};
use keys::{KeyRules, MasterKeys, Minter, Sealer};
use operations::{
    Application, Parts, SharedMigrations, births,
    learning::{self, LearnError},
};
use settings::Settings;
use sqlx::PgConnection;
use store::{
    Connections,
    master_keys::{self, MasterKeyRefusal},
};
use tenantdb::{
    MigrationSet, Shared, application_role,
    migrations::{LoadError, Reading},
    rights::{self, RightsError},
    share,
};

#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("a setting is missing")]
    Settings(#[source] settings::SettingsError),
    /// A setting does not hold a master key.
    #[error(transparent)]
    MasterKey(#[from] keys::MasterKeysError),
    /// The installation has another master key.
    #[error(transparent)]
    OtherKey(#[from] MasterKeyRefusal),
    #[error("API_KEY_PREFIX or API_KEY_LENGTH is not usable")]
    KeyForm(#[source] keys::MinterError),
    #[error("the tenant migrations were refused")]
    Migrations(#[source] LoadError),
    /// The tenant migrations do not work, or are not those that the installation knows.
    #[error(transparent)]
    Learn(#[from] LearnError),
    #[error("the database user lacks a right")]
    Rights(#[source] RightsError),
    /// The database has lost what `tenantry migrate public up` made, as after a restore.
    #[error(
        "the database is not ready for tenants: {}: run `tenantry migrate public up`",
        .0.join("; ")
    )]
    Unprepared(Vec<String>),
    /// The role of `tenants.application_role` cannot become the tenants.
    #[error("`tenants.application_role` cannot be used: {}", .0.join("; "))]
    ApplicationRole(Vec<String>),
    #[error("could not read the control database")]
    Database(#[source] sqlx::Error),
}

impl BuildError {
    /// The database's part in it, if it had one.
    pub(crate) fn database(&self) -> Option<&sqlx::Error> {
        match self {
            Self::Learn(error) => error.database(),
            Self::Database(error) | Self::OtherKey(MasterKeyRefusal::Database(error)) => {
                Some(error)
            }
            Self::Rights(RightsError::Database(source)) => Some(source),
            _ => None,
        }
    }
}

/// Refuses a database that has lost what `tenantry migrate public up` made.
async fn ready_for_tenants(
    conn: &mut PgConnection,
    installation: &InstallationId,
    shared: &Shared,
) -> Result<(), BuildError> {
    let mode = store::database_mode(conn).await.map_err(BuildError::Database)?;
    let own = mode != Some(DatabaseMode::Shared);
    let missing = tenantdb::unprepared(conn, installation, own).await;
    let mut missing = missing.map_err(BuildError::Database)?;
    let faults = share::faults(conn, installation, shared).await.map_err(BuildError::Database)?;
    missing.extend(faults.missing);
    if missing.is_empty() { Ok(()) } else { Err(BuildError::Unprepared(missing)) }
}

/// Refuses an application's role that could not become the tenants, or would have their rights without.
async fn fit_for_application(
    conn: &mut PgConnection,
    tenants: &settings::Tenants,
) -> Result<(), BuildError> {
    let Some(role) = &tenants.application_role else { return Ok(()) };
    let lacking = application_role::lacking(conn, role).await.map_err(BuildError::Database)?;
    if lacking.is_empty() { Ok(()) } else { Err(BuildError::ApplicationRole(lacking)) }
}

/// The parts of the plan, from the settings and the control database.
///
/// # Errors
/// When a secret is missing, the tenant migrations are refused, or the database fails.
pub async fn build_parts(
    settings: &Settings,
    pool: &Connections,
) -> Result<Arc<Parts>, BuildError> {
    let secret = settings.keys.require_master_key().map_err(BuildError::Settings)?;
    let master_keys = MasterKeys::parse(secret, settings.keys.master_key_previous.as_ref())?;
    let migrations = configured_migrations(&settings.tenants).map_err(BuildError::Migrations)?;
    let mut conn = pool.acquire().await.map_err(BuildError::Database)?;
    let salt = master_keys::salt(&mut conn).await.map_err(BuildError::Database)?;
    let sealer = master_keys.sealer(salt.as_bytes());
    agree(&mut conn, &sealer).await?;
    let installation = store::installation(&mut conn).await.map_err(BuildError::Database)?;
    rights::check(&mut conn, Some(&installation)).await.map_err(BuildError::Rights)?;
    // Before what it names: a table that tenants share may come by a shared migration.
    learning::require_shared(&mut conn, &migrations).await?;
    ready_for_tenants(&mut conn, &installation, migrations.shared()).await?;
    fit_for_application(&mut conn, &settings.tenants).await?;
    let learning::Learnt { set: migrations, promise } =
        learning::learn(&mut conn, &migrations).await?;
    let keys = &settings.keys;
    let minter = Minter::new(&keys.prefix, keys.length).map_err(BuildError::KeyForm)?;
    let rules = KeyRules::new(minter, sealer, keys.sealed_hours, keys.expires_days);
    let tenants = &settings.tenants;
    let (migrations, promise) = (Arc::new(migrations), Arc::new(promise));
    let parts =
        Parts::new(installation, migrations, promise, Arc::new(rules), tenants.connection_limit);
    let limit = tenants.application_role_limit;
    let application = tenants.application_role.clone();
    let application = application.map(|name| Application::new(name, limit));
    Ok(Arc::new(births::start_at(&mut conn, parts.with_application(application)).await?))
}

/// The tenant migrations that the settings name.
///
/// # Errors
/// At the first file that cannot be used.
pub fn configured_migrations(tenants: &settings::Tenants) -> Result<MigrationSet, LoadError> {
    match &tenants.migrations_dir {
        Some(dir) => MigrationSet::load_as(dir, reading(tenants)),
        None => Ok(MigrationSet::embedded().sharing(&shared(tenants))),
    }
}

/// The shared migrations that the settings name; `None`: none.
///
/// # Errors
/// At the first file that cannot be used.
///
/// # Panics
/// Never: the settings take no schema that cannot be one.
pub fn shared_migrations(
    tenants: &settings::Tenants,
) -> Result<Option<SharedMigrations>, LoadError> {
    let Some(folder) = &tenants.shared_migrations_dir else { return Ok(None) };
    let set = MigrationSet::load_as(folder, shared_reading(tenants))?;
    Ok(Some(SharedMigrations { schema: shared_schema(tenants), set }))
}

/// The schema of the application's own tables.
///
/// # Panics
/// Never: the settings take no schema that cannot be one.
#[must_use]
pub fn shared_schema(tenants: &settings::Tenants) -> SchemaName {
    SchemaName::parse_shared(&tenants.shared_schema).expect("the settings have the same rule")
}

/// How the settings want the folder of shared migrations to be read: as that of tenants, and it may be empty.
#[must_use]
pub fn shared_reading(tenants: &settings::Tenants) -> Reading {
    Reading { may_be_empty: true, baseline: None, ..reading(tenants) }
}

/// How the settings want a folder of migrations to be read.
#[must_use]
pub fn reading(tenants: &settings::Tenants) -> Reading {
    let roles = &tenants.granted_roles;
    Reading {
        // `auto` is no format's name
        format: tenants.migrations_format.parse().ok(),
        may_be_empty: tenants.migrations_may_be_empty == settings::YesOrNo::Yes,
        granted_roles: (!roles.is_empty()).then(|| roles.clone()),
        shared: shared(tenants),
        baseline: tenants.baseline.as_deref().map(Version::new),
    }
}

#[must_use]
pub fn shared(tenants: &settings::Tenants) -> Shared {
    Shared { extensions: tenants.extensions.clone(), tables: tenants.shared_tables.clone() }
}

/// Seals with the installation's master key from now on.
pub(crate) async fn agree(
    conn: &mut PgConnection,
    sealer: &Sealer,
) -> Result<(), MasterKeyRefusal> {
    let ours: Vec<String> = sealer.ids().map(|id| id.to_string()).collect();
    let opens = |it: &master_keys::SealedSecret| sealer.open(&it.sealed, it.tenant).is_ok();
    let current = master_keys::agree(conn, &ours, opens).await?;
    sealer.seal_with(&current);
    Ok(())
}
