//! A tenant migration failed: whose fault it is, and what the caller is told.

use domain::{Code, codes};
use engine::Classify;
use store::ErrorClass;
use tenantdb::migrations::MigrateError;

#[derive(Debug, thiserror::Error)]
#[error("the tenant migrations could not be run")]
pub(crate) struct MigrationFailed {
    source: MigrateError,
    /// Whether the tenant has data: a statement that takes too long there will do so again.
    has_data: bool,
}

impl MigrationFailed {
    /// In a schema that is being made.
    pub(crate) fn of_new(source: MigrateError) -> Self {
        Self { source, has_data: false }
    }

    /// In a schema that is in use.
    pub(crate) fn of_existing(source: MigrateError) -> Self {
        Self { source, has_data: true }
    }

    /// Whether a statement of the migration ran into its own limit (57014), or into triggers that it left
    /// pending (55006).
    fn is_its_own(&self) -> bool {
        let error = self.source.database().filter(|_| self.has_data);
        error.is_some_and(|error| store::is_state(error, &["57014", "55006"]))
    }
}

impl Classify for MigrationFailed {
    fn class(&self) -> ErrorClass {
        match self.source.database().map_or(ErrorClass::Permanent, store::classify) {
            // a statement of the migration was refused, and will be for every tenant
            ErrorClass::Refused => ErrorClass::Permanent,
            _ if self.is_its_own() => ErrorClass::Permanent,
            class => class,
        }
    }

    fn code(&self) -> Code {
        match self.source.database() {
            Some(error) if self.class().is_transient() => error.code(),
            None if matches!(self.source, MigrateError::Unrecorded { .. }) => {
                codes::MIGRATIONS_UNRECORDED
            }
            _ => codes::MIGRATION_FAILED,
        }
    }

    /// A migration is named only when it is to blame, and not the database: its file, and what the
    /// server says of it. A trigger of the database has its own words.
    fn public_message(&self) -> Option<String> {
        let of_a_trigger = self.source.database().and_then(Classify::public_message);
        let told = || match of_a_trigger {
            Some(said) => format!("{}: {said}", self.source),
            None => telemetry::chain(&self.source),
        };
        (self.class() == ErrorClass::Permanent).then(told)
    }
}
