//! Tries a set of migrations out on scratch tenants, before a tenant gets it.
//!
//! Only in a database without tenants. Each file runs in a transaction of its own, as in a tenant that has all
//! files before it, and that is committed unless it is seen to have changed something outside its schema. The
//! scratch tenants are dropped at the end, or by the next trial if this one is killed.

mod outside;
mod passes;
mod tenants;
mod words;

use std::sync::atomic::AtomicBool;

use domain::InstallationId;
use sqlx::PgConnection;

use crate::MigrationSet;
use crate::migrations::{MigrateError, Migration};
use crate::scratch;
use tenants::Tenants;

/// Marks of tenants, of any installation. Ids from 2^52 on are those of spares and scratch tenants.
const HAS_TENANTS: &str = "select exists (
    select from pg_catalog.pg_namespace n
    join pg_catalog.pg_description d on d.objoid = n.oid
        and d.classoid = 'pg_catalog.pg_namespace'::regclass and d.objsubid = 0
    where substring(d.description from '^tenantry:[^:]+:([0-9]+)$')::numeric < 2 ^ 52)";

/// What a trial found.
#[derive(Debug)]
pub struct Trial {
    /// In the order in which they ran.
    pub passes: Vec<Pass>,
    /// The files without a way back, oldest first. That is no fault.
    pub without_down: Vec<String>,
}

/// One way of applying the set.
#[derive(Debug)]
pub struct Pass {
    /// Stable.
    pub name: &'static str,
    /// What is wrong; `None` where the pass did not run, because the first one did not come to its end.
    pub faults: Option<Vec<Fault>>,
}

impl Trial {
    /// All that is wrong.
    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        self.passes.iter().filter_map(|pass| pass.faults.as_ref()).flatten()
    }
}

/// Something wrong with a set: the file, what it does, and what to write instead.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {message} [{code}]")]
pub struct Fault {
    /// The file's name without its folder; `all files` where it shows only when all of them run at once.
    pub file: String,
    /// Which kind of fault. Stable.
    pub code: &'static str,
    /// In a sentence without SQL.
    pub message: String,
    /// What the server said, where it refused.
    #[source]
    pub source: Option<MigrateError>,
}

/// Why a trial did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The caller wanted it to stop.
    #[error("the trial was stopped")]
    Stopped,
    /// Somebody's tenants are in the database: a file can do more to them than could be noticed before its COMMIT.
    #[error("this database has tenants, and a file that is tried could change them")]
    HasTenants,
    /// The database failed outside of any migration's text.
    #[error("could not try the migrations out")]
    Database(#[from] sqlx::Error),
}

/// Tries the set out: in two tenants side by side, in two one after the other, and up, down and up again.
/// Drops what earlier trials left. Once `stop` is set, no further file begins.
///
/// # Errors
/// [`TrialError`], after the scratch tenants are dropped if the connection still works.
pub async fn run(
    conn: &mut PgConnection,
    installation: &InstallationId,
    set: &MigrationSet,
    stop: &AtomicBool,
) -> Result<Trial, TrialError> {
    if sqlx::query_scalar(HAS_TENANTS).fetch_one(&mut *conn).await? {
        return Err(TrialError::HasTenants);
    }
    scratch::sweep(conn).await?;
    let mut tenants = Tenants { conn, installation, set, stop, made: Vec::new() };
    let passes = passes(&mut tenants).await;
    let dropped = tenants.clear().await;
    let passes = passes?;
    dropped?;
    let without_down = set.iter().filter(|file| !file.is_reversible());
    let without_down = without_down.map(|file| Migration::file(file).to_owned()).collect();
    Ok(Trial { passes, without_down })
}

async fn passes(tenants: &mut Tenants<'_>) -> Result<Vec<Pass>, TrialError> {
    let (side_by_side, shape) = passes::side_by_side(tenants).await?;
    let (mut in_turn, mut up_down_up) = (None, None);
    if let Some(shape) = shape {
        in_turn = Some(passes::one_after_the_other(tenants, &shape).await?);
        up_down_up = Some(passes::up_down_up(tenants).await?);
    }
    Ok(vec![
        Pass { name: "side_by_side", faults: Some(side_by_side) },
        Pass { name: "one_after_the_other", faults: in_turn },
        Pass { name: "up_down_up", faults: up_down_up },
    ])
}
