//! Why a schema could not be taken to another version.

use domain::{SchemaName, TenantId, Version};

/// What went wrong, and in which migration. The transaction is to be rolled back.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The server refused a statement of a migration.
    #[error(
        "migration {version} ({file}{}) failed{}",
        line.map(|l| format!(", line {l}")).unwrap_or_default(),
        advice(source).map(|what| format!("; {what}")).unwrap_or_default()
    )]
    Failed {
        version: Version,
        /// Its file, without folder.
        file: String,
        /// The line of the file, where the server told the place.
        line: Option<u32>,
        #[source]
        source: sqlx::Error,
    },
    /// A migration was changed after it had been applied here.
    #[error("migration {version} was edited after it had been applied to this schema")]
    Edited { version: Version },
    /// The schema has a migration that the set does not hold: this program is older than it.
    #[error("the schema has migration {version}, which is not among the migrations at hand")]
    Unknown { version: Version },
    /// A migration changed the search path or the role.
    #[error("a migration left the tenant's schema or role")]
    Escaped,
    /// There is no way back from a version that was to be taken back.
    #[error("migration {version} has no .down.sql, it cannot be taken back")]
    Irreversible { version: Version },
    /// What is to run needs more than the one transaction of the caller.
    #[error(
        "the tenant's migrations cannot run in one transaction: {version} ({file}) {}; nothing was run",
        if *alone { "runs outside any" } else { "needs what is before it to be committed" }
    )]
    SeveralTransactions {
        /// The version that needs another transaction, or none.
        version: Version,
        /// Its file, without folder.
        file: String,
        /// Whether it runs outside any transaction.
        alone: bool,
    },
    /// The tenant has no row in the ledger, and its schema holds something.
    #[error(
        "tenant {tenant} has no record of its applied migrations, and its schema is not empty: nothing was \
         run; say --at VERSION, the newest version that it has: \
         `tenantry migrate tenant record --schema {schema} --at VERSION`"
    )]
    Unrecorded { tenant: TenantId, schema: SchemaName },
    /// The tenant has a row in the ledger, which is not to be written anew.
    #[error(
        "the tenant has a record of its applied migrations, up to {}, and --at does not change it",
        version.as_ref().map_or("none", Version::as_str)
    )]
    Recorded { version: Option<Version> },
    /// The version that was asked for is none of the set's.
    #[error("there is no migration {version} among the migrations at hand")]
    NoSuchVersion { version: Version },
    /// A new tenant cannot have the set in one transaction.
    #[error("a new tenant cannot be given these migrations in one transaction; nothing was run")]
    NotOneTransaction,
    /// The database failed outside of any migration's text.
    #[error("could not run the migrations")]
    Database(#[from] sqlx::Error),
}

impl MigrateError {
    /// The version that failed with this SQLSTATE.
    fn failed_with(&self, state: &str) -> Option<&Version> {
        let Self::Failed { version, source, .. } = self else { return None };
        let code = source.as_database_error()?.code()?;
        (code == state).then_some(version)
    }

    /// The version that uses a new value of an enum before it is committed.
    pub(crate) fn unsafe_enum(&self) -> Option<&Version> {
        self.failed_with("55P04")
    }

    /// Whether the server wants a transaction to end before the file, or none around it.
    pub(crate) fn needs_boundary(&self) -> bool {
        self.unsafe_enum().or(self.failed_with("25001")).is_some()
    }

    /// What the database said, where it was the database that refused: decides whether another
    /// try can help. None of what only another text of the migration can help.
    pub fn database(&self) -> Option<&sqlx::Error> {
        match self {
            Self::Failed { source, .. } if advice(source).is_some() => None,
            Self::Failed { source, .. } | Self::Database(source) => Some(source),
            _ => None,
        }
    }
}

/// What to do about an error that files in one transaction meet.
fn advice(error: &sqlx::Error) -> Option<&'static str> {
    match error.as_database_error()?.code()?.as_ref() {
        "55P04" => Some(
            "a value that is added to an enum cannot be used before it is committed: put the \
             statements that use it in a later file, and the line `-- no-transaction` before the \
             statement that adds it",
        ),
        "55006" => Some(
            "a check of this table still waits for the end of the transaction: write `set constraints \
             all immediate;` before this statement",
        ),
        "25001" => Some(
            "this statement cannot run in a transaction: put it in a file of its own, and the line \
             `-- no-transaction` before it",
        ),
        _ => None,
    }
}
