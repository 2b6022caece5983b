//! Tenants of many tables, in turn with the floor.

use std::fs;

use crate::{Args, figures::Figures, floor::Shape, pair::Pair, stand::Stand, system::Setup};

/// Tenants a round.
const TENANTS: usize = 200;

/// Tables of each.
const TABLES: usize = 20;

pub(crate) async fn measure(stand: &Stand, args: &Args) -> anyhow::Result<Figures> {
    let tenants = args.tenants.unwrap_or(TENANTS);
    let shape = Shape::of_tables(TABLES);
    let migrations = stand.folder().join("wide");
    fs::create_dir_all(&migrations)?;
    fs::write(migrations.join("0001_tables.sql"), shape.migrations.join("\n"))?;
    let setup = Setup {
        env: vec![("TENANT_MIGRATIONS_DIR", migrations.display().to_string())],
        ..Setup::of("wide", args)
    };
    let (pair, system) = Pair::of(stand, args, &shape, setup, tenants).await?;
    let mut figures = Figures::of(
        "wide",
        format!("{} rounds of {tenants} tenants of {TABLES} tables", args.rounds),
    );
    pair.tell(&mut figures, None);
    system.stop().await?;
    Ok(figures)
}
