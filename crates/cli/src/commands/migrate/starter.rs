//! Two migrations to begin a folder of one's own with.

use std::{fs, path::Path};

use anyhow::Context as _;
use serde_json::json;
use settings::Settings;

use crate::{
    failure::{Done, Failure},
    show,
};

const FILES: [(&str, &str); 4] = [
    ("0001_tenant.up.sql", include_str!("../../../../../migrations/tenant/0001_tenant.up.sql")),
    ("0001_tenant.down.sql", include_str!("../../../../../migrations/tenant/0001_tenant.down.sql")),
    ("0002_person.up.sql", include_str!("../../../../../migrations/tenant/0002_person.up.sql")),
    ("0002_person.down.sql", include_str!("../../../../../migrations/tenant/0002_person.down.sql")),
];

/// Fills `TENANT_MIGRATIONS_DIR`, if it is empty; nothing written is a failure.
pub(super) fn run(json: bool, settings: &Settings) -> anyhow::Result<Done> {
    let (files, sentence) = write(settings)?;
    let told = json!({ "folder": settings.tenants.migrations_dir, "files_written": files });
    show::result(json, &told, || show::line(sentence));
    Ok(Done::well_if(files > 0))
}

/// How many files were written, and that in words.
fn write(settings: &Settings) -> anyhow::Result<(usize, String)> {
    let dir = settings.tenants.migrations_dir.as_deref().ok_or_else(|| {
        Failure::usage("TENANT_MIGRATIONS_DIR is not set: the built-in migrations are in use")
            .advise("set it to a folder for your own, for example ./tenant-migrations")
    })?;
    let shown = dir.display();
    Ok(match fill(dir).with_context(|| format!("could not write to {shown}"))? {
        false => (0, format!("{shown} has files already: nothing written")),
        true => (FILES.len(), format!("wrote {} files to {shown}", FILES.len())),
    })
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
