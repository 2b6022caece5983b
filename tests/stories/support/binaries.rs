//! Finds the programs of this workspace, as cargo built them.

use std::path::PathBuf;

/// The program called `name`.
///
/// # Panics
/// If it was not built.
pub(crate) fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a program knows where it is");
    // target/<profile>/deps/<test>
    let dir = test.ancestors().nth(2).expect("cargo puts tests two levels deep");
    let path = dir.join(name);
    assert!(
        path.is_file(),
        "{} was not built: run `cargo test --workspace`, which builds the programs too",
        path.display()
    );
    path
}
