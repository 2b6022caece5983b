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
    births::{self, Begin},
    operations::{self, Asked},
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
    if asked.run_at.is_none() { begin(conn, by, asked.id, Begin::Start).await } else { Ok(()) }
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
    births::lock(&mut tx).await?;
    let before = births::current(&mut tx).await?.map(|birth| birth.place);
    // Another migration may have been asked for since.
    if before.as_ref() == Some(&place)
        || operations::admit(&mut tx, asked, None, false).await?.tenants > 0
    {
        return Ok(());
    }
    if births::set(&mut tx, &place).await? {
        tell(&mut tx, by, None, before, Some(place)).await?;
    }
    tx.commit().await
}

/// Where a migration brings every tenant; `None`: it is no migration, or not of them all, or new tenants are to stay
/// where they are: its set does not know their version, or not the one that is asked for.
async fn of_all(conn: &mut PgConnection, asked: &Asked<'_>) -> sqlx::Result<Option<Place>> {
    if asked.kind != Kind::Migrate || asked.tenants.is_some() || !asked.selector.all {
        return Ok(None);
    }
    let migrate = serde_json::from_value(asked.params.clone());
    let Migrate { direction, set, to, .. } = migrate.map_err(|e| sqlx::Error::Decode(e.into()))?;
    let Some(versions) = workers::set_versions(conn, &set).await? else { return Ok(None) };
    let reached = births::current(conn).await?.map(|birth| birth.versions);
    let count = match direction {
        Direction::Up => upwards(&versions, reached.as_deref()),
        Direction::Down => backwards(&versions, reached.as_deref(), to.as_deref()),
    };
    let place = |count: usize| {
        let version = versions[..count].last().map(Version::new);
        Place { set_hash: set, version }
    };
    Ok(count.map(place))
}

/// How many of `versions` new tenants are given after a way up, who were given those `reached` before; `None`: the set
/// ends before that.
fn upwards(versions: &[String], reached: Option<&[Version]>) -> Option<usize> {
    let (Some(at), Some(newest)) = (reached.and_then(<[_]>::last), versions.last()) else {
        return Some(versions.len());
    };
    let ends_before = counted(versions, at).is_none()
        && reached.unwrap_or_default().iter().any(|it| *it == newest.as_str());
    (!ends_before).then_some(versions.len())
}

/// As [`upwards`], after a way down: never more than before.
fn backwards(versions: &[String], reached: Option<&[Version]>, to: Option<&str>) -> Option<usize> {
    let reached = match reached {
        None => versions.len(),
        Some([]) => 0,
        Some([.., at]) => counted(versions, at)?,
    };
    let kept = match to {
        // One back from where each is.
        None => reached.saturating_sub(1),
        Some("none") => 0,
        Some(to) => match counted(versions, &Version::new(to)) {
            Some(kept) => kept,
            None if to == "0" => 0,
            None => return None,
        },
    };
    Some(kept.min(reached))
}

/// How many there are up to this one.
fn counted(versions: &[String], last: &Version) -> Option<usize> {
    versions.iter().position(|it| *last == it.as_str()).map(|at| at + 1)
}

/// Has the operation's version come into force, if it has one and that is not in force.
pub(super) async fn begin(
    conn: &mut PgConnection,
    by: By<'_>,
    operation: OperationId,
    when: Begin,
) -> sqlx::Result<()> {
    if !births::concerns(conn, operation).await? {
        return Ok(());
    }
    births::lock(conn).await?;
    let before = births::current(conn).await?.map(|birth| birth.place);
    match births::begin(conn, operation, when).await? {
        Some(place) => tell(conn, by, Some(operation), before, Some(place)).await,
        None => Ok(()),
    }
}

/// The operation is cancelled, or brought no tenant to its version: what was in force before it is again.
pub(super) async fn take_back(
    conn: &mut PgConnection,
    by: By<'_>,
    operation: OperationId,
) -> sqlx::Result<()> {
    if !births::concerns(conn, operation).await? {
        return Ok(());
    }
    births::lock(conn).await?;
    let before = births::current(conn).await?.map(|birth| birth.place);
    if !births::take_back(conn, operation).await? {
        return Ok(());
    }
    let now = births::current(conn).await?.map(|birth| birth.place);
    tell(conn, by, Some(operation), before, now).await
}

/// Migrates those who were being made when the version in force came, by an operation of their own; takes that version
/// back where the migration is over and brought no tenant there. Several processes may try at once. A version is
/// `settled` when each worker has heard of it.
///
/// # Errors
/// When the database fails; the next sweep does it then.
pub async fn catch_up(
    pool: &Connections,
    by: By<'_>,
    settled: Duration,
) -> Result<(), ControlError> {
    let mut tx = pool.begin().await?;
    births::lock(&mut tx).await?;
    if let Some(operation) = births::in_vain(&mut tx).await? {
        take_back(&mut tx, by, operation).await?;
    }
    let Some(late) = births::catch_up(&mut tx, settled).await? else {
        tx.commit().await?;
        return Ok(());
    };
    let stays = || late.place.version.as_ref().map_or("none".to_owned(), Version::to_string);
    let migrate = Migrate {
        direction: late.direction,
        to: (late.direction == Direction::Down).then(stays),
        set: late.place.set_hash,
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
