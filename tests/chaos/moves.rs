//! Operations on tenants that earlier batches made: migrations up and down between two versions, suspensions
//! and their ends, changes, deletions and what takes them back.
//!
//! The migration that goes and comes back notes each of its moves, with its begin and its end, in a table
//! that stays. So a move that is lost, done twice, or done beside another one shows.

use std::{error::Error, time::Duration};

use domain::{Direction, Kind, Migrate, OperationId, Selector, TenantId};
use engine::control::{self, Asked as Operation};
use queue::Bell;
use serde_json::{Value, json};
use sqlx::PgPool;
use store::{Connections, audit::By, tenants::Place};
use tenantdb::MigrationSet;
use uuid::Uuid;

use crate::{
    bed::{Asked, Bed},
    dice::Dice,
    wish::Fate,
};

/// The migrations: the moves that were made, and one that goes and comes back.
pub(crate) const FILES: &[(&str, &str)] = &[
    (
        "0014_moves.sql",
        "create table moves (n bigint generated always as identity primary key,
             direction text not null, begun timestamptz not null, ended timestamptz);",
    ),
    (
        "0015_second.up.sql",
        "insert into moves (direction, begun) values ('up', clock_timestamp());
         create table second (x int);
         update moves set ended = clock_timestamp() where ended is null;",
    ),
    (
        "0015_second.down.sql",
        "insert into moves (direction, begun) values ('down', clock_timestamp());
         drop table second;
         update moves set ended = clock_timestamp() where ended is null;",
    ),
];

/// The version before the one that goes and comes back.
pub(crate) const BEFORE: &str = "0014";

/// The tenants that are moved are among so many, the oldest: each of them is moved often.
const MOVED: i64 = 120;

/// Tenants that one operation moves at most, if it does not move all.
const MOST: usize = 25;

/// Tenants that one operation deletes at most: there are to be some left.
const DELETED: usize = 4;

/// Open items of this kind above which no more are asked for.
const ENOUGH: i64 = 60;

/// Longest that admission is tried: longer than any fault lasts.
const ADMITTED_IN: Duration = Duration::from_secs(90);

const OPEN: &str = "select count(*) from tenantry.operation_items i
    join tenantry.operations o on o.id = i.operation_id
    where o.kind = 'migrate' and o.finished_at is null
      and i.state in ('queued', 'waiting', 'running', 'retrying')";

type Failed = Box<dyn Error + Send + Sync>;

impl Bed {
    /// Asks for a move of some tenants, or of all if they are few, unless enough is under way.
    pub(crate) async fn move_some(&mut self, dice: &mut Dice) {
        let open: sqlx::Result<i64> = sqlx::query_scalar(OPEN).fetch_one(&self.pool).await;
        if open.is_ok_and(|open| open < ENOUGH) {
            let direction = if dice.chance(50) { Direction::Down } else { Direction::Up };
            let tenants = self.some_tenants(dice, MOST).await;
            self.ask_move(direction, tenants.as_deref(), Fate::Moved).await;
            self.suspend_some(dice).await;
            self.change_some(dice).await;
            self.rotate_some(dice).await;
            self.delete_some(dice).await;
        }
    }

    /// Asks for some tenants to be suspended, or resumed. A tenant that is suspended again meanwhile is not
    /// resumed.
    async fn suspend_some(&mut self, dice: &mut Dice) {
        let (kind, fate) = match dice.chance(60) {
            true => (Kind::Suspend, Fate::Moved),
            false => (Kind::Resume, Fate::ResumedOrNot),
        };
        let tenants = self.some_tenants(dice, MOST).await;
        self.ask_of_tenants(kind, &json!({}), tenants.as_deref(), fate).await;
    }

    /// Asks for some tenants to be changed. What the registry and their own rows say then, doctor compares.
    async fn change_some(&mut self, dice: &mut Dice) {
        let tenants = self.some_tenants(dice, MOST).await;
        self.ask_of_tenants(Kind::Update, &change(dice), tenants.as_deref(), Fate::Moved).await;
    }

    /// Asks for some tenants' API keys to be rotated, without an overlap: no tenant has too many.
    async fn rotate_some(&mut self, dice: &mut Dice) {
        let tenants = self.some_tenants(dice, MOST).await;
        let at_once = json!({ "overlap_hours": 0 });
        self.ask_of_tenants(Kind::RotateKeys, &at_once, tenants.as_deref(), Fate::Moved).await;
    }

    /// Asks for a few tenants to be deleted, with a grace or without one, or for some to be undeleted. What
    /// else is asked of them meanwhile may fail.
    async fn delete_some(&mut self, dice: &mut Dice) {
        let mut tenants = self.tenants_in(&["active", "suspended"], MOVED).await;
        dice.shuffle(&mut tenants);
        tenants.truncate(dice.count(1, DELETED));
        self.ask_of_tenants(Kind::Delete, &grace(7), Some(&tenants), Fate::Moved).await;
        let mut deleting = self.tenants_in(&["deleting"], MOVED).await;
        dice.shuffle(&mut deleting);
        deleting.truncate(dice.count(1, DELETED));
        let (kind, params, fate) = match dice.chance(60) {
            true => (Kind::Undelete, json!({}), Fate::ResumedOrNot),
            // The reaper takes them in a moment.
            false => (Kind::Delete, grace(0), Fate::Moved),
        };
        self.ask_of_tenants(kind, &params, Some(&deleting), fate).await;
    }

    /// Brings every tenant to the newest version: what the judges expect of it.
    pub(crate) async fn move_all_up(&mut self) {
        // One that is undeleted later would stay where it is.
        let open = "select count(*) from tenantry.operations
                    where kind in ('delete', 'undelete') and finished_at is null";
        crate::support::eventually("deletions to be over", ADMITTED_IN, async || {
            let open: sqlx::Result<i64> = sqlx::query_scalar(open).fetch_one(&self.pool).await;
            matches!(open, Ok(0)).then_some(())
        })
        .await;
        let set = MigrationSet::load(&self.migrations).expect("the folder is ours");
        let newest = Place { set_hash: set.hash().to_owned(), version: set.head().cloned() };
        let params = params(set.hash(), Direction::Up);
        let moved = surely(&self.pool, Kind::Migrate, &params, None, Some(&newest)).await;
        if let Some((id, total)) = moved {
            self.asked.push(Asked { id, fates: vec![Fate::Moved; total] });
        }
    }

    /// Asks for a move of these tenants, or of all, until it is admitted. `None`: there is no such tenant.
    pub(crate) async fn ask_move(
        &mut self,
        direction: Direction,
        tenants: Option<&[TenantId]>,
        fate: Fate,
    ) -> Option<Uuid> {
        let set = MigrationSet::load(&self.migrations).expect("the folder is ours");
        self.ask_of_tenants(Kind::Migrate, &params(set.hash(), direction), tenants, fate).await
    }

    /// Asks for an operation on these tenants, or on all, until it is admitted. `None`: there is no such
    /// tenant.
    pub(crate) async fn ask_of_tenants(
        &mut self,
        kind: Kind,
        params: &Value,
        tenants: Option<&[TenantId]>,
        fate: Fate,
    ) -> Option<Uuid> {
        let (id, total) = surely(&self.pool, kind, params, tenants, None).await?;
        self.asked.push(Asked { id, fates: vec![fate; total] });
        Some(id)
    }

    /// Some of the tenants that are moved; `None`: all there are.
    pub(crate) async fn some_tenants(&self, dice: &mut Dice, most: usize) -> Option<Vec<TenantId>> {
        let mut oldest = self.oldest_tenants(MOVED + 1).await;
        if oldest.len() <= MOVED as usize && dice.chance(20) {
            return None;
        }
        oldest.truncate(MOVED as usize);
        dice.shuffle(&mut oldest);
        oldest.truncate(dice.count(1, most));
        Some(oldest)
    }

    /// The tenants of an operation.
    pub(crate) async fn tenants_of(&self, operation: Uuid) -> Vec<TenantId> {
        let made =
            "select tenant_id from tenantry.operation_items where operation_id = $1 order by idx";
        let made = sqlx::query_scalar(made).bind(operation).fetch_all(&self.pool).await;
        made.expect("the server answers").into_iter().map(TenantId::new).collect()
    }

    /// The oldest tenants that are there; none while the server does not answer.
    pub(crate) async fn oldest_tenants(&self, most: i64) -> Vec<TenantId> {
        self.tenants_in(&["active", "suspended"], most).await
    }

    /// The oldest tenants in one of these states; none while the server does not answer.
    async fn tenants_in(&self, states: &[&str], most: i64) -> Vec<TenantId> {
        let oldest = "select id from tenantry.tenants where state = any($1) order by id limit $2";
        let oldest = sqlx::query_scalar(oldest).bind(states).bind(most);
        let oldest = oldest.fetch_all(&self.pool).await;
        oldest.unwrap_or_default().into_iter().map(TenantId::new).collect()
    }
}

/// Cancels the operation, unless it is over.
pub(crate) async fn cancel(pool: &PgPool, id: Uuid) {
    let pool: Connections = pool.clone().into();
    match control::cancel(&pool, By::process("chaos"), OperationId::new(id)).await {
        Ok(()) | Err(control::ControlError::Finished(..)) => {}
        Err(error) => panic!("a cancel failed: {error}"),
    }
}

/// What a deletion has to know.
pub(crate) fn grace(days: u32) -> Value {
    json!({ "grace_days": days, "name_hold_days": 0 })
}

/// What a change has to know.
pub(crate) fn change(dice: &mut Dice) -> Value {
    let round = dice.count(1, 1_000_000);
    json!({ "patch": { "settings": { "metadata": { "round": round } }, "labels": { "round": round.to_string() } },
        "defaults": { "features": [], "limits": {} } })
}

/// What a move has to know.
pub(crate) fn params(set: &str, direction: Direction) -> Value {
    let to = (direction == Direction::Down).then(|| BEFORE.to_owned());
    json!(Migrate { direction, set: set.to_owned(), to, allow_drift: false })
}

/// Until it is admitted, but for tenants at that place: the operation and its number of items.
pub(crate) async fn surely(
    pool: &PgPool,
    kind: Kind,
    params: &Value,
    tenants: Option<&[TenantId]>,
    but_at: Option<&Place>,
) -> Option<(Uuid, usize)> {
    let admitted = async {
        loop {
            match admit(pool, kind, params, tenants, but_at).await {
                Ok(admitted) => return admitted,
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    };
    tokio::time::timeout(ADMITTED_IN, admitted).await.expect("the server answers in the end")
}

async fn admit(
    pool: &PgPool,
    kind: Kind,
    params: &Value,
    tenants: Option<&[TenantId]>,
    but_at: Option<&Place>,
) -> Result<Option<(Uuid, usize)>, Failed> {
    let selector = if tenants.is_some() { Selector::default() } else { Selector::all() };
    let id = OperationId::mint();
    let asked = Operation {
        id,
        kind,
        params,
        tenants,
        inputs: None,
        selector: &selector,
        with_version: &[],
        but_at,
        run_at: None,
        created_by: None,
        rollout: None,
    };
    let mut tx = pool.begin().await?;
    if !control::admit(&mut tx, By::process("chaos"), &asked, None).await? {
        drop(tx);
        control::nothing_to_migrate(&pool.clone().into(), By::process("chaos"), &asked).await?;
        return Ok(None);
    }
    // Whatever the answer is: the row says whether it was committed.
    let _ = tx.commit().await;
    let total = loop {
        let total = "select total from tenantry.operations where id = $1";
        let total = sqlx::query_scalar(total).bind(id.get()).fetch_optional(pool).await;
        match total {
            Ok(total) => break total,
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    };
    let total: i32 = total.ok_or("the commit came to nothing")?;
    queue::ring(&pool.clone().into(), Bell::Jobs).await;
    Ok(Some((id.get(), usize::try_from(total)?)))
}
