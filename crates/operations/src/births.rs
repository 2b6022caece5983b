//! What new tenants are given: the worker's set up to the version in force ([`store::births`]).

use sqlx::PgConnection;
use store::births;
use tracing::warn;

use crate::{
    Parts,
    learning::{self, LearnError, Learnt},
};

/// The parts of a worker that starts. Its newest version comes into force where none is, or no tenant has any
/// migrations yet.
///
/// # Errors
/// As [`follow`].
pub async fn start_at(conn: &mut PgConnection, parts: Parts) -> Result<Parts, LearnError> {
    births::start_at(conn, &parts.place()).await?;
    Ok(follow(conn, &parts).await?.unwrap_or(parts))
}

/// The parts by which new tenants are given what is in force; `None`: those of `parts`. A worker that lacks some
/// of it gives them all that it has.
///
/// # Errors
/// When what is in force does not work by itself, or the database fails.
pub async fn follow(conn: &mut PgConnection, parts: &Parts) -> Result<Option<Parts>, LearnError> {
    let Some(birth) = births::current(conn).await? else { return Ok(None) };
    let part = parts.newest.only(&birth.versions);
    if part.is_none() {
        let version = birth.place.version.as_ref().map_or("none", |version| version.as_str());
        warn!(
            "new tenants are to be given version {version}, and this worker's migrations lack some of what it \
             has: they are given all of these"
        );
    }
    let part = part.as_ref().unwrap_or(&parts.newest);
    if part.hash() == parts.migrations.hash() {
        return Ok(None);
    }
    if part.hash() == parts.newest.hash() {
        return Ok(Some(parts.born_with_all()));
    }
    let Learnt { set, promise } = learning::learn(conn, part).await?;
    Ok(Some(parts.born_with(set, promise)))
}
