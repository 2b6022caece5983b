//! Which version of the tenant migrations new tenants are given: an operation that brings every tenant to another
//! one moves it.

use std::time::Duration;

use domain::{Direction, Kind, Migrate, OperationId, Version};
use queue::Bell;
use serde_json::json;
use sqlx::PgConnection;
use store::{
    Connections,
    audit::{self, By},
    births,
    operations::Asked,
    tenants::Place,
    workers,
};
use tracing::info;

use super::{ControlError, admit::admit_due};

/// Records where the operation that was just admitted brings all tenants, if it is about all of them, and has
/// that come into force where nothing is to be waited for.
pub(super) async fn plan(
    conn: &mut PgConnection,
    by: By<'_>,
    asked: &Asked<'_>,
) -> sqlx::Result<()> {
    let Some(place) = of_all(conn, asked).await? else { return Ok(()) };
    births::plan(conn, asked.id, &place).await?;
    if asked.run_at.is_none() { begin(conn, by, asked.id, false).await } else { Ok(()) }
}

/// No tenant needs what was `asked` for: if it is a migration of all tenants, new ones are to be as they are.
pub async fn nothing_to_migrate(
    pool: &Connections,
    by: By<'_>,
    asked: &Asked<'_>,
) -> sqlx::Result<()> {
    let mut tx = pool.begin().await?;
    let place = if asked.run_at.is_none() { of_all(&mut tx, asked).await? } else { None };
    let Some(place) = place else { return Ok(()) };
    let before = births::current(&mut tx).await?.map(|birth| birth.place);
    if births::set(&mut tx, &place).await? {
        tell(&mut tx, by, None, before, Some(place)).await?;
    }
    tx.commit().await
}

/// Where a migration brings every tenant; `None`: it is no migration, or not of them all.
async fn of_all(conn: &mut PgConnection, asked: &Asked<'_>) -> sqlx::Result<Option<Place>> {
    if asked.kind != Kind::Migrate || asked.tenants.is_some() || !asked.selector.all {
        return Ok(None);
    }
    let migrate = serde_json::from_value(asked.params.clone());
    let Migrate { direction, set, to, .. } = migrate.map_err(|e| sqlx::Error::Decode(e.into()))?;
    let Some(versions) = workers::set_versions(conn, &set).await? else { return Ok(None) };
    let before = births::current(conn).await?;
    let reached = before.as_ref().and_then(|birth| birth.place.version.as_ref());
    let at = |version: &Version| versions.iter().position(|it| *version == it.as_str());
    let count = match (direction, to) {
        (Direction::Up, _) => versions.len(),
        (Direction::Down, Some(to)) => at(&Version::new(&*to)).map_or(0, |at| at + 1),
        // One back from where each is.
        (Direction::Down, None) => reached.and_then(at).unwrap_or_default(),
    };
    let version = versions[..count].last().map(Version::new);
    Ok(Some(Place { set_hash: set, version }))
}

/// Has the operation's version come into force, if it has one and that is not in force; a rollout's with its
/// `last_wave`, or at once when it goes back.
pub(super) async fn begin(
    conn: &mut PgConnection,
    by: By<'_>,
    operation: OperationId,
    last_wave: bool,
) -> sqlx::Result<()> {
    let before = births::current(conn).await?.map(|birth| birth.place);
    match births::begin(conn, operation, last_wave).await? {
        Some(place) => tell(conn, by, Some(operation), before, Some(place)).await,
        None => Ok(()),
    }
}

/// The operation is cancelled: what was in force before it is again.
pub(super) async fn take_back(
    conn: &mut PgConnection,
    by: By<'_>,
    operation: OperationId,
) -> sqlx::Result<()> {
    let before = births::current(conn).await?.map(|birth| birth.place);
    if !births::take_back(conn, operation).await? {
        return Ok(());
    }
    let now = births::current(conn).await?.map(|birth| birth.place);
    tell(conn, by, Some(operation), before, now).await
}

/// Migrates those who were being made when the version in force came, by an operation of their own. Several
/// processes may try at once. A version is `settled` when each worker has heard of it.
///
/// # Errors
/// When the database fails; the next sweep does it then.
pub async fn catch_up(
    pool: &Connections,
    by: By<'_>,
    settled: Duration,
) -> Result<(), ControlError> {
    let mut tx = pool.begin().await?;
    let Some(late) = births::catch_up(&mut tx, settled).await? else {
        tx.commit().await?;
        return Ok(());
    };
    let migrate = Migrate {
        direction: Direction::Up,
        set: late.place.set_hash,
        to: None,
        allow_drift: false,
    };
    let params = serde_json::to_value(migrate).map_err(|e| sqlx::Error::Encode(e.into()))?;
    admit_due(&mut tx, by, Kind::Migrate, &params, &late.tenants).await?;
    tx.commit().await?;
    queue::ring(pool, Bell::Jobs).await;
    let tenants = late.tenants.len();
    info!(
        tenants,
        "{tenants} tenants were being made while a version came into force; they are migrated"
    );
    Ok(())
}

/// Says so where the place in force is another one.
async fn tell(
    conn: &mut PgConnection,
    by: By<'_>,
    operation: Option<OperationId>,
    before: Option<Place>,
    now: Option<Place>,
) -> sqlx::Result<()> {
    if before == now {
        return Ok(());
    }
    let version = |place: &Option<Place>| place.as_ref().and_then(|it| it.version.clone());
    let (from, to) = (version(&before), version(&now));
    info!(
        "new tenants are given version {} of the migrations",
        to.as_ref().map_or("none", Version::as_str)
    );
    let detail = json!({ "from": from, "to": to, "set": now.map(|place| place.set_hash) });
    let entry = by.did("birth_version.changed");
    audit::append(conn, audit::Entry { operation, detail, ..entry }).await
}
