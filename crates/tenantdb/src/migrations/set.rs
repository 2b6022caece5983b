//! The migrations every tenant is to have.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use sha2::{Digest, Sha384};

use super::load::{self, LoadError};

const EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/tenant_migrations.rs"));

/// Every migration of a tenant's schema, oldest first, each of them checked. Cheap to clone.
#[derive(Debug, Clone)]
pub struct MigrationSet {
    migrations: Arc<[Migration]>,
    hash: Arc<str>,
}

impl MigrationSet {
    /// The migrations this program was built with: `migrations/tenant`.
    pub fn embedded() -> Self {
        static SET: LazyLock<MigrationSet> = LazyLock::new(|| {
            load::from_files(EMBEDDED.iter().map(|(file, sql)| ((*file).into(), (*sql).into())))
                .expect("a test holds that the migrations of this repository load")
        });
        SET.clone()
    }

    /// Reads and checks a folder of `<version>_<description>.sql` files, or pairs of `.up.sql`
    /// and `.down.sql`. Files with another extension are left aside.
    ///
    /// # Errors
    /// [`LoadError`] with file, line, a stable code and a sentence, at the first file that is
    /// misnamed, unreadable, a version twice, or does what no tenant migration may.
    pub fn load(folder: &Path) -> Result<Self, LoadError> {
        load::from_folder(folder)
    }

    /// The newest version, 0 for an empty set.
    pub fn head(&self) -> i64 {
        self.migrations.last().map_or(0, Migration::version)
    }

    /// Changes whenever a version or the text of a migration does; hexadecimal.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The migrations, oldest first.
    pub fn iter(&self) -> std::slice::Iter<'_, Migration> {
        self.migrations.iter()
    }

    pub(super) fn new(mut migrations: Vec<Migration>) -> Self {
        migrations.sort_by_key(Migration::version);
        let mut digest = Sha384::new();
        for migration in &migrations {
            digest.update(migration.version.to_be_bytes());
            digest.update(&migration.checksum);
        }
        Self { migrations: migrations.into(), hash: hex(&digest.finalize()).into() }
    }
}

impl<'a> IntoIterator for &'a MigrationSet {
    type Item = &'a Migration;
    type IntoIter = std::slice::Iter<'a, Migration>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One step from a version of the schema to the next.
#[derive(Debug, Clone)]
pub struct Migration {
    version: i64,
    description: String,
    file: String,
    sql: String,
    checksum: String,
    down: Option<Down>,
}

/// The way back.
#[derive(Debug, Clone)]
pub(super) struct Down {
    pub(super) file: String,
    pub(super) sql: String,
}

impl Migration {
    /// The number at the head of the file's name.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// The words of the file's name.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The file's name without its folder.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The text that goes up.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// SHA-384 of the text that goes up, byte for byte, in hexadecimal.
    pub fn checksum(&self) -> &str {
        &self.checksum
    }

    /// Whether there is a way back.
    pub fn is_reversible(&self) -> bool {
        self.down.is_some()
    }

    pub(super) fn down(&self) -> Option<&Down> {
        self.down.as_ref()
    }

    pub(super) fn new(
        version: i64,
        description: String,
        file: String,
        sql: String,
        down: Option<Down>,
    ) -> Self {
        let checksum = hex(&Sha384::digest(sql.as_bytes()));
        Self { version, description, file, sql, checksum, down }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all that is written");
        text
    })
}
