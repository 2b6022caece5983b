//! The version of the tenant migrations that new tenants are given.
//!
//! A migration of all tenants has a row with the place where it goes; another one stands for what workers
//! began with. The row that came into force last counts.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{Direction, OperationId, TenantId, Version};
use sqlx::PgConnection;

use crate::tenants::Place;

/// What new tenants are given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Birth {
    pub place: Place,
    /// The versions of its set up to it, oldest first.
    pub versions: Vec<Version>,
}

/// When a version comes into force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// Its operation is set going; a rollout upwards waits.
    Start,
    /// The last wave of its rollout begins.
    LastWave,
    /// Its operation is tried again; unless a later one's is in force.
    Again,
}

/// Lets one transaction at a time move the version, until it ends. Call it before you read what decides. A transaction
/// that locks an operation's row locks that first.
pub async fn lock(conn: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("lock table tenantry.birth_versions in share row exclusive mode")
        .execute(conn)
        .await
        .map(drop)
}

/// Whether `operation` is one that brings all tenants to a version.
pub async fn concerns(conn: &mut PgConnection, operation: OperationId) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select from tenantry.birth_versions where operation_id = $1) as "concerns!""#,
        operation.get(),
    )
    .fetch_one(conn)
    .await
}

/// What is in force; `None` before a worker has started.
pub async fn current(conn: &mut PgConnection) -> sqlx::Result<Option<Birth>> {
    sqlx::query!(
        r#"select b.set_hash, b.version,
                  s.versions[:coalesce(array_position(s.versions, b.version), 0)] as "versions!"
           from tenantry.birth_versions b
           join tenantry.migration_sets s on s.hash = b.set_hash
           where b.in_force_since is not null
           order by b.in_force_since desc, b.id desc limit 1"#
    )
    .map(|row| Birth {
        place: Place { set_hash: row.set_hash, version: row.version.map(Version::new) },
        versions: row.versions.into_iter().map(Version::new).collect(),
    })
    .fetch_optional(conn)
    .await
}

/// Puts the newest version of a worker that starts in force, where none is, or no tenant has any migrations yet.
pub async fn start_at(conn: &mut PgConnection, newest: &Place) -> sqlx::Result<()> {
    sqlx::query!(
        "with current as (
             select set_hash, version from tenantry.birth_versions where in_force_since is not null
             order by in_force_since desc, id desc limit 1
         )
         insert into tenantry.birth_versions (set_hash, version, in_force_since)
         select $1, $2, clock_timestamp()
         where not exists (select from current)
            or not exists (select from tenantry.tenant_migrations)
               and not exists (select from current where set_hash = $1 and version is not distinct from $2)",
        newest.set_hash,
        newest.version.as_ref().map(Version::as_str),
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Puts `place` in force, as no tenant is left that has to go there; false where it is.
pub async fn set(conn: &mut PgConnection, place: &Place) -> sqlx::Result<bool> {
    let set = sqlx::query!(
        "insert into tenantry.birth_versions (set_hash, version, in_force_since, made_since)
         select $1, $2, clock_timestamp(), clock_timestamp() - interval '1 minute'
         where not exists (
             select from (select set_hash, version from tenantry.birth_versions
                          where in_force_since is not null
                          order by in_force_since desc, id desc limit 1) as current
             where set_hash = $1 and version is not distinct from $2)",
        place.set_hash,
        place.version.as_ref().map(Version::as_str),
    );
    Ok(set.execute(conn).await?.rows_affected() == 1)
}

/// Records where `operation`, which was just recorded, brings all tenants. Not in force before [`begin`].
pub async fn plan(
    conn: &mut PgConnection,
    operation: OperationId,
    place: &Place,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into tenantry.birth_versions (operation_id, set_hash, version) values ($1, $2, $3)",
        operation.get(),
        place.set_hash,
        place.version.as_ref().map(Version::as_str),
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Puts the place of `operation` in force, and says which it is if it was not.
pub async fn begin(
    conn: &mut PgConnection,
    operation: OperationId,
    when: Begin,
) -> sqlx::Result<Option<Place>> {
    sqlx::query!(
        "update tenantry.birth_versions b
         set in_force_since = clock_timestamp(),
             -- the admission may have missed who became active a moment before
             made_since = o.created_at - interval '1 minute'
         from tenantry.operations o
         where b.operation_id = $1 and b.in_force_since is null and o.id = b.operation_id
           and (o.wave is null or $2 or o.params ->> 'direction' = $3)
           and not ($4 and exists (select from tenantry.birth_versions later
                                   where later.id > b.id and later.operation_id is not null
                                     and later.in_force_since is not null))
         returning b.set_hash, b.version",
        operation.get(),
        when == Begin::LastWave,
        Direction::Down.as_str(),
        when == Begin::Again,
    )
    .map(|row| Place { set_hash: row.set_hash, version: row.version.map(Version::new) })
    .fetch_optional(conn)
    .await
}

/// Takes the place of `operation` out of force. What was before it is in force again, unless a later one is; says
/// whether it is.
pub async fn take_back(conn: &mut PgConnection, operation: OperationId) -> sqlx::Result<bool> {
    let taken = sqlx::query!(
        "with own as (
             select b.id, b.in_force_since, o.params ->> 'direction' as direction, o.created_at
             from tenantry.birth_versions b join tenantry.operations o on o.id = b.operation_id
             where b.operation_id = $1 and b.in_force_since is not null
         ), taken as (
             update tenantry.birth_versions b set in_force_since = null, made_since = null
             from own where b.id = own.id
         ), before as (
             select b.id, b.in_force_since from tenantry.birth_versions b, own
             where b.in_force_since is not null and b.id <> own.id
             order by b.in_force_since desc, b.id desc limit 1
         )
         update tenantry.birth_versions b
         set in_force_since = clock_timestamp(),
             -- on a way down they were given less
             made_since = least(b.made_since, case when own.direction = $2 then own.created_at end)
         from own, before
         -- a later one stays in force as it is
         where b.id = before.id and before.in_force_since < own.in_force_since",
        operation.get(),
        Direction::Down.as_str(),
    );
    Ok(taken.execute(conn).await?.rows_affected() == 1)
}

/// A version in force, and those who were given another one.
#[derive(Debug)]
pub struct Late {
    pub place: Place,
    /// The way there.
    pub direction: Direction,
    /// Active or suspended tenants that were made meanwhile, and are at another place.
    pub tenants: Vec<TenantId>,
}

/// The migration that the version in force is of, if it is over and no tenant came there.
pub async fn in_vain(conn: &mut PgConnection) -> sqlx::Result<Option<OperationId>> {
    sqlx::query_scalar!(
        r#"select o.id from tenantry.operations o
           where o.id = (select operation_id from tenantry.birth_versions where in_force_since is not null
                         order by in_force_since desc, id desc limit 1)
             and o.finished_at is not null
             and not exists (select from tenantry.operation_items i
                             where i.operation_id = o.id and i.state = 'succeeded')"#
    )
    .fetch_optional(conn)
    .await
    .map(|found| found.map(OperationId::new))
}

/// Those who were being made when the version in force came, once their making and its operation are over and
/// every worker has followed: `settled` after it came, and with its set. They count as seen to. `None`: there
/// are none, or it is not time yet.
///
/// Reads all tenants, once for each migration of them all.
pub async fn catch_up(conn: &mut PgConnection, settled: Duration) -> sqlx::Result<Option<Late>> {
    let due = sqlx::query!(
        r#"with current as (
               select * from tenantry.birth_versions where in_force_since is not null
               order by in_force_since desc, id desc limit 1
           )
           update tenantry.birth_versions seen
           set made_since = null
           from current b
           join tenantry.migration_sets s on s.hash = b.set_hash
           left join tenantry.operations o on o.id = b.operation_id
           where seen.id = b.id and b.made_since is not null
             and b.in_force_since < clock_timestamp() - make_interval(secs => $1)
             and (o.id is null or o.finished_at is not null)
             and not exists (select from tenantry.operations m
                             where m.finished_at is null and m.kind in ('provision', 'import')
                               and m.state <> 'queued'
                               and m.created_at < greatest(
                                   b.in_force_since + make_interval(secs => $1),
                                   (select max(w.stopped_at) from tenantry.workers w
                                    where w.set_hash <> b.set_hash)))
             and not exists (select from tenantry.workers w
                             where w.stopped_at is null and w.refused is null
                               and w.set_hash <> b.set_hash and 'provision' = any(w.kinds))
           returning b.set_hash, b.version, b.made_since,
                     coalesce(o.params ->> 'direction' = $2, false) as "is_down!",
                     b.version is not distinct from s.versions[cardinality(s.versions)] as "is_newest!""#,
        settled.as_secs_f64(),
        Direction::Down.as_str(),
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(due) = due else { return Ok(None) };
    let place = Place { set_hash: due.set_hash, version: due.version.map(Version::new) };
    let direction = if due.is_down { Direction::Down } else { Direction::Up };
    if direction == Direction::Up && !due.is_newest {
        // No migration leads up to there.
        return Ok(None);
    }
    let tenants = elsewhere(conn, &place, direction, due.made_since).await?;
    Ok((!tenants.is_empty()).then_some(Late { place, direction, tenants }))
}

/// Active and suspended tenants that were made since then and are not at `place`; on the way down, not at its
/// version, whichever set they have it of. Those that a migration has been about since then are left out: what
/// became of them there is an operator's.
async fn elsewhere(
    conn: &mut PgConnection,
    place: &Place,
    direction: Direction,
    made_since: Option<DateTime<Utc>>,
) -> sqlx::Result<Vec<TenantId>> {
    sqlx::query!(
        "select t.id from tenantry.tenants t
         left join tenantry.tenant_migrations m on m.tenant_id = t.id
         where t.state in ('active', 'suspended') and t.activated_at >= $1
           and ($4 and m.set_hash is distinct from $2 or m.version is distinct from $3)
           and not exists (select from tenantry.operation_items i
                           join tenantry.operations o on o.id = i.operation_id and o.kind = 'migrate'
                           where i.tenant_id = t.id and o.created_at >= $1)
         order by t.id",
        made_since,
        place.set_hash,
        place.version.as_ref().map(Version::as_str),
        direction == Direction::Up,
    )
    .map(|row| TenantId::new(row.id))
    .fetch_all(conn)
    .await
}
