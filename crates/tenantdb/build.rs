//! Lists `migrations/tenant` for the binary: a new migration is one new file and no line of code.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/tenant");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .expect("migrations/tenant is part of the repository")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|e| e == "sql"))
        .collect();
    paths.sort();
    let mut list = String::from("&[\n");
    for path in paths {
        let name = path.file_name().and_then(|n| n.to_str()).expect("a UTF-8 file name");
        let path = path.to_str().expect("a UTF-8 path");
        writeln!(list, "    ({name:?}, include_str!({path:?})),").expect("memory");
    }
    list.push(']');
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&out).join("tenant_migrations.rs"), list).expect("OUT_DIR is writable");
}
