//! What is written into the ledger: a set, and a place in it.

use domain::{SchemaName, TenantId, Version};

use super::{AppliedMigration, Entry, hash};
use crate::ident::{array, literal};
use crate::migrations::{Migration, MigrationSet};

/// A set and a place in it, to be written.
#[derive(Debug)]
pub(crate) struct Reached {
    pub(super) hash: String,
    files: Vec<AppliedMigration>,
    version: Option<Version>,
}

impl Reached {
    pub(crate) fn all_of(set: &MigrationSet) -> Self {
        Self::in_set(set, set.head().cloned())
    }

    fn in_set(set: &MigrationSet, version: Option<Version>) -> Self {
        let files = set.iter().map(AppliedMigration::from).collect();
        Self { hash: set.hash().to_owned(), files, version }
    }

    /// Whether both are the same place in the same set.
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        self.hash == other.hash && self.version == other.version
    }

    /// Whether the row says this.
    pub(crate) fn is(&self, entry: &Entry) -> bool {
        self.hash == entry.set_hash && self.version == entry.version
    }

    /// The beginning of `set` that these are, or else a set of exactly these.
    pub(crate) fn at(set: &MigrationSet, applied: Vec<AppliedMigration>) -> Self {
        let is = |(wanted, had): (&Migration, &AppliedMigration)| {
            *wanted.version() == had.version && wanted.has_checksum(&had.checksum)
        };
        if applied.len() <= set.iter().len() && set.iter().zip(&applied).all(is) {
            let newest = applied.len().checked_sub(1).and_then(|at| set.iter().nth(at));
            return Self::in_set(set, newest.map(|m| m.version().clone()));
        }
        Self::exactly(applied)
    }

    /// A set of exactly these, in this order, all of it.
    pub(crate) fn exactly(files: Vec<AppliedMigration>) -> Self {
        let hash = hash(files.iter().map(AppliedMigration::record));
        let version = files.last().map(|newest| newest.version.clone());
        Self { hash, files, version }
    }

    /// The statement that makes the set known, if it is not.
    pub(crate) fn registration(&self) -> String {
        let column = |cell: fn(&AppliedMigration) -> &str| array(self.files.iter().map(cell));
        format!(
            "insert into tenantry.migration_sets
                 (hash, versions, descriptions, checksums, needs_shared)
             values ({}, {}, {}, {}, {}) on conflict do nothing;\n",
            literal(&self.hash),
            column(|file| file.version.as_str()),
            column(|file| &file.description),
            column(|file| &file.checksum),
            self.needs(),
        )
    }

    /// The shared migration that each file needs, as a constant of type `text[]`.
    pub(super) fn needs(&self) -> String {
        let need = |file: &AppliedMigration| {
            file.needs_shared.as_ref().map_or("null".to_owned(), |it| literal(it.as_str()))
        };
        let needs: Vec<String> = self.files.iter().map(need).collect();
        format!("array[{}]::text[]", needs.join(", "))
    }

    /// Hash and version, as SQL spells them.
    fn place(&self) -> (String, String) {
        let version = self.version.as_ref();
        let version = version.map_or("null".to_owned(), |version| literal(version.as_str()));
        (literal(&self.hash), version)
    }

    /// The statement that writes the application's row.
    pub(crate) fn application_row(&self, schema: &SchemaName) -> String {
        let (hash, version) = self.place();
        format!(
            "insert into tenantry.shared_migrations (schema_name, set_hash, version)
             values ({}, {hash}, {version}) on conflict ((true)) do update
             set set_hash = excluded.set_hash, version = excluded.version, applied_at = now();\n",
            literal(schema.as_str())
        )
    }

    /// The statement that writes the tenants' rows.
    pub(crate) fn rows(&self, tenants: &[TenantId]) -> String {
        let (hash, version) = self.place();
        let row = |tenant: &TenantId| format!("({}, {hash}, {version})", tenant.get());
        let rows: Vec<String> = tenants.iter().map(row).collect();
        format!(
            "insert into tenantry.tenant_migrations (tenant_id, set_hash, version)
             values {} on conflict (tenant_id) do update
             set set_hash = excluded.set_hash, version = excluded.version, applied_at = now();\n",
            rows.join(", ")
        )
    }
}
