//! Two migrations to begin a folder of one's own with.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde_json::json;
use settings::Settings;

use crate::{
    args::Global,
    failure::{Done, Failure},
    show,
};

const FILES: [(&str, &str); 4] = [
    ("0001_tenant.up.sql", include_str!("../../../../../migrations/tenant/0001_tenant.up.sql")),
    ("0001_tenant.down.sql", include_str!("../../../../../migrations/tenant/0001_tenant.down.sql")),
    ("0002_person.up.sql", include_str!("../../../../../migrations/tenant/0002_person.up.sql")),
    ("0002_person.down.sql", include_str!("../../../../../migrations/tenant/0002_person.down.sql")),
];

/// What was written, and where.
pub(super) struct Wrote {
    files: usize,
    dir: PathBuf,
}

impl Wrote {
    /// Tells it as the command's result; nothing written is a failure.
    pub(super) fn tell(&self, global: &Global) -> Done {
        let told = json!({ "folder": self.dir, "files_written": self.files });
        show::result(global.json, &told, || show::line(self));
        Done::well_if(self.files > 0)
    }
}

impl fmt::Display for Wrote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dir = self.dir.display();
        match self.files {
            0 => write!(f, "{dir} has files already: nothing written"),
            files => write!(f, "wrote {files} files to {dir}"),
        }
    }
}

/// Fills `TENANT_MIGRATIONS_DIR`, if it is empty.
pub(super) fn write(settings: &Settings) -> anyhow::Result<Wrote> {
    let dir = settings.tenants.migrations_dir.as_deref().ok_or_else(|| {
        Failure::usage("TENANT_MIGRATIONS_DIR is not set: the built-in migrations are in use")
            .advise("set it to a folder for your own, for example ./tenant-migrations")
    })?;
    let filled = fill(dir).with_context(|| format!("could not write to {}", dir.display()))?;
    Ok(Wrote { files: if filled { FILES.len() } else { 0 }, dir: dir.to_owned() })
}

fn fill(dir: &Path) -> std::io::Result<bool> {
    fs::create_dir_all(dir)?;
    if fs::read_dir(dir)?.next().is_some() {
        return Ok(false);
    }
    for (name, text) in FILES {
        fs::write(dir.join(name), text)?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use tenantdb::migrations::MigrationSet;

    use super::*;

    #[test]
    fn starts_with_the_built_in_migrations() {
        let dir = tempfile::tempdir().unwrap();

        fill(dir.path()).unwrap();

        let loaded = MigrationSet::load(dir.path()).unwrap();
        assert_eq!(loaded.hash(), MigrationSet::embedded().hash());
        assert!(loaded.iter().all(tenantdb::migrations::Migration::is_reversible));
    }

    #[test]
    fn never_writes_beside_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("notes.txt"), "mine").unwrap();

        assert!(!fill(dir.path()).unwrap());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
