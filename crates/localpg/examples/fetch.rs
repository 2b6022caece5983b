//! Fetches PostgreSQL into the directory it is told, as `tenantry dev` does where there is none, and
//! says where its programs are: `cargo run -p localpg --example fetch -- DIR`.

use std::{error::Error, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args_os().nth(1).ok_or("which directory?")?;
    println!("{}", localpg::fetch_into(&PathBuf::from(dir))?.display());
    Ok(())
}
