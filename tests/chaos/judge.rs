//! What must hold when the system has come to rest, looked for by two judges: `doctor`, and
//! statements of the harness's own that share nothing with it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use doctor::{Depth, Scope};
use sqlx::{Row as _, postgres::PgRow};
use tenantdb::MigrationSet;
use uuid::Uuid;

use crate::{
    bed::{Bed, DEAD_AFTER_MS},
    moved, strangers,
    support::{orphans, tell},
    wish::Fate,
};

/// Longest a system may take to finish everything after the last fault. Its slowest net is the
/// search for items without a job: every 60 s, for those that have waited for 30 s.
const RECOVERS_IN: Duration = Duration::from_secs(120);

/// After this, what is open is told: worth a look, and no failure.
const SLOW: Duration = Duration::from_secs(30);

/// Longest it may take from there until nothing is under way: jobs are acknowledged, secrets past
/// their time erased.
pub(crate) const RESTS_IN: Duration = Duration::from_secs(75);

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Most violations that are told in words.
const MOST_TOLD: usize = 60;

const OPEN: &str = "select (select count(*) from tenantry.operations where finished_at is null)
    + (select count(*) from tenantry.operation_items
       where state in ('queued', 'waiting', 'running', 'retrying', 'built', 'unwinding'))
    + (select count(*) from tenantry.tenants where state = 'deleting' and purge_at <= now())
    + (select count(*) from (select made_since from tenantry.birth_versions
                             where in_force_since is not null
                             order by in_force_since desc, id desc limit 1) latest where made_since is not null)";

/// Every item, and everything there is of the tenant it made.
const ITEMS: &str = "
with inst as (
    select id from tenantry.installation
), space as (
    select obj_description(oid, 'pg_namespace') as mark, count(*) as n, min(nspname) as name
    from pg_namespace group by 1
), actor as (
    select shobj_description(oid, 'pg_authid') as mark, count(*) as n, min(rolname) as name
    from pg_authid group by 1
), keys as (
    -- those that rotations issued are no item's that made a tenant
    select k.tenant_id, count(*) as n from tenantry.api_keys k
    left join tenantry.operations o on o.id = k.operation_id
    where k.revoked_at is null and coalesce(o.kind, 'provision') = 'provision' group by 1
), activated as (
    select tenant_id, count(*) as n from tenantry.audit_log
    where action = 'tenant.activated' group by 1
), followed as (
    -- by those who were being made while the others were migrated: the sweeper asks for these
    select operation_id from tenantry.audit_log
    where action = 'operation.submitted' and actor = 'sweeper'
), deleted as (
    select distinct i.tenant_id from tenantry.operation_items i
    join tenantry.operations o on o.id = i.operation_id and o.kind = 'delete'
)
select i.operation_id, i.idx, i.state, concat_ws(': ', asked.kind, i.error_code, i.error_message) as why, coalesce(t.state in ('active', 'suspended', 'deleting'), false) as active,
       coalesce(t.state = 'deleted', false) as gone, deleted.tenant_id is not null as was_deleted,
       coalesce(space.n, 0) as schemas, coalesce(actor.n, 0) as roles,
       coalesce(space.name = t.schema_name and actor.name = t.role_name, false) as names_agree,
       coalesce(keys.n, 0) as keys, coalesce(activated.n, 0) as activations,
       asked.kind = 'migrate' and asked.id in (select operation_id from followed) as follows
from tenantry.operation_items i
join tenantry.operations asked on asked.id = i.operation_id
    -- the reaper asks for these
    and asked.kind <> 'purge'
cross join inst
left join tenantry.tenants t on t.id = i.tenant_id
left join space on space.mark = format('tenantry:%s:%s', inst.id, t.id)
left join actor on actor.mark = format('tenantry:%s:%s', inst.id, t.id)
left join keys on keys.tenant_id = t.id
left join activated on activated.tenant_id = t.id
left join deleted on deleted.tenant_id = t.id
order by i.operation_id, i.idx";

/// Batches, and how often the end of each of their runs was announced.
const BATCHES: &str = "
select b.id, b.state, b.total, b.run,
       array(select count(o.id) from generate_series(1, b.run) as r (n)
             left join tenantry.outbox o
               on o.operation_id = b.id and o.run = r.n and o.kind = 'operation.finished'
             group by r.n order by r.n) as announced,
       (select count(*) from tenantry.outbox o
        where o.operation_id = b.id and o.kind = 'operation.finished' and o.run > b.run) as beyond
from tenantry.operations b";

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) items: u64,
    pub(crate) batches: u64,
    pub(crate) lost: u64,
    pub(crate) duplicates: u64,
    pub(crate) orphans: u64,
    /// Tenants on which two operations were at work at one time.
    pub(crate) together: u64,
    /// From the last fault until nothing was open.
    pub(crate) recovered_in: Duration,
    pub(crate) violations: Vec<String>,
}

/// One item as the database has it.
#[derive(Debug)]
struct Found {
    idx: i32,
    state: String,
    /// The kind, and why it failed.
    why: String,
    active: bool,
    /// Its tenant was dropped.
    gone: bool,
    /// Somebody asked for its tenant to be deleted.
    was_deleted: bool,
    schemas: i64,
    roles: i64,
    names_agree: bool,
    keys: i64,
    activations: i64,
    /// The sweeper asked for it: its tenant was being made while the others were migrated.
    follows: bool,
}

/// Waits until the system has finished everything and come to rest, `rests_in` at most, and judges
/// it. In depth means that every tenant's schema is held against the migrations, and not a sample.
pub(crate) async fn judge(bed: &mut Bed, in_depth: bool, rests_in: Duration) -> Verdict {
    let mut verdict = Verdict::default();
    if !wait_for_the_end(bed, &mut verdict).await {
        return verdict;
    }
    let depth = if in_depth { Depth::All } else { Depth::Sample(25) };
    come_to_rest(bed, depth, rests_in, &mut verdict).await;
    if let Err(error) = compare(bed, &mut verdict).await {
        verdict.violations.push(format!("the judge could not ask: {error}"));
    }
    let now = strangers::fingerprint(&bed.pool).await.unwrap_or_default();
    for line in bed.strangers.iter().filter(|line| !now.contains(line)) {
        verdict.violations.push(format!("a stranger's thing was touched, it was: {line}"));
    }
    for line in now.iter().filter(|line| !bed.strangers.contains(line)) {
        verdict.violations.push(format!("a stranger's thing was touched, it is: {line}"));
    }
    verdict.violations.truncate(MOST_TOLD);
    verdict
}

async fn wait_for_the_end(bed: &mut Bed, verdict: &mut Verdict) -> bool {
    let mut told = false;
    loop {
        bed.supervise().await;
        let open: sqlx::Result<i64> = sqlx::query_scalar(OPEN).fetch_one(&bed.pool).await;
        verdict.recovered_in = bed.last_fault.elapsed();
        if matches!(open, Ok(0)) {
            return true;
        }
        if verdict.recovered_in > SLOW && !told {
            told = true;
            tell(&format!("slow: what is open after {SLOW:?}:"));
            open_work(bed).await.iter().for_each(|line| tell(line));
        }
        if verdict.recovered_in > RECOVERS_IN {
            let words =
                format!("{RECOVERS_IN:?} after the last fault there is open work: {open:?}");
            verdict.violations.push(words);
            verdict.violations.extend(open_work(bed).await);
            return false;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn open_work(bed: &Bed) -> Vec<String> {
    let open = "select format('item %s: %s, attempt %s, tries %s, worker %s, next %s, jobs: %s',
            i.id, i.state, i.attempt, i.tries, i.worker_id, i.next_attempt_at,
            (select string_agg(format('%s is %s by %s, run at %s, done at %s',
                               j.id, j.status, j.lock_by, j.run_at, j.done_at), '; ')
             from apalis.jobs j
             where (convert_from(j.job, 'UTF8')::jsonb ->> 'item')::bigint = i.id))
        from tenantry.operation_items i
        where i.state in ('queued', 'waiting', 'running', 'retrying', 'built', 'unwinding')
        union all select format('batch %s: %s', id, state) from tenantry.operations
        where finished_at is null limit 20";
    sqlx::query_scalar(open).fetch_all(&bed.pool).await.unwrap_or_default()
}

/// Both judges look until neither finds anything, or until it is too late to come by itself.
async fn come_to_rest(bed: &Bed, depth: Depth, rests_in: Duration, verdict: &mut Verdict) {
    let migrations = MigrationSet::load(&bed.migrations).expect("the folder is ours");
    let mut scope = Scope::new(migrations);
    scope.depth = depth;
    scope.grace = Duration::ZERO;
    scope.dead_after = Duration::from_millis(DEAD_AFTER_MS);
    let began = Instant::now();
    loop {
        let (told, remains) = look(bed, &scope).await;
        if told.is_empty() || began.elapsed() > rests_in {
            verdict.orphans = remains;
            verdict.violations.extend(told);
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What is wrong, in words, and how much of it are things without an owner.
async fn look(bed: &Bed, scope: &Scope) -> (Vec<String>, u64) {
    let report = match doctor::examine(&bed.pool, scope).await {
        Ok(report) => report,
        Err(error) => return (vec![format!("doctor could not look: {error:?}")], 0),
    };
    let mut remains: u64 =
        report.found.iter().filter(|(kind, _)| is_orphan(**kind)).map(|(_, n)| n).sum();
    let told = report.findings.iter();
    let mut told: Vec<String> =
        told.map(|finding| format!("doctor: {}: {}", finding.kind, finding.sentence)).collect();
    for orphan in orphans(&bed.pool).await {
        let strangers = strangers::SCHEMAS.iter();
        if !strangers.clone().any(|name| orphan == format!("a schema of nobody: {name}")) {
            remains += 1;
            told.push(orphan);
        }
    }
    (told, remains)
}

fn is_orphan(kind: doctor::Kind) -> bool {
    use doctor::Kind;
    matches!(
        kind,
        Kind::JobWithoutItem
            | Kind::ItemWithoutJob
            | Kind::FailedWithRemains
            | Kind::PendingWithoutItem
            | Kind::TenantWithoutSchema
            | Kind::TenantWithoutRole
            | Kind::SchemaWithoutTenant
            | Kind::RoleWithoutTenant
            | Kind::KeyWithoutTenant
            | Kind::OperationShouldHaveEnded
    )
}

/// Holds what is there against what was asked for.
async fn compare(bed: &Bed, verdict: &mut Verdict) -> sqlx::Result<()> {
    let mut found: BTreeMap<Uuid, Vec<Found>> = BTreeMap::new();
    for row in sqlx::query(ITEMS).fetch_all(&bed.pool).await? {
        found.entry(row.try_get("operation_id")?).or_default().push(read(&row)?);
    }
    for asked in &bed.asked {
        verdict.batches += 1;
        verdict.items += asked.fates.len() as u64;
        let items = found.remove(&asked.id).unwrap_or_default();
        for (n, fate) in asked.fates.iter().enumerate() {
            let of_it: Vec<_> =
                items.iter().filter(|item| usize::try_from(item.idx) == Ok(n)).collect();
            judge_item(verdict, &format!("item {n} of {}", asked.id), *fate, &of_it);
        }
        if items.len() > asked.fates.len() {
            verdict.duplicates += 1;
            verdict.violations.push(format!("batch {} has more items than asked for", asked.id));
        }
    }
    for (id, items) in found {
        if items.iter().all(|item| item.follows) {
            for item in &items {
                judge_item(verdict, &format!("item {} of {id}", item.idx), Fate::Moved, &[item]);
            }
            continue;
        }
        verdict.duplicates += items.len() as u64;
        verdict.violations.push(format!("nobody asked for batch {id}"));
    }
    moved::judge(&bed.pool, verdict).await?;
    judge_batches(bed, verdict).await
}

fn read(row: &PgRow) -> sqlx::Result<Found> {
    Ok(Found {
        idx: row.try_get("idx")?,
        state: row.try_get("state")?,
        why: row.try_get("why")?,
        active: row.try_get("active")?,
        gone: row.try_get("gone")?,
        was_deleted: row.try_get("was_deleted")?,
        schemas: row.try_get("schemas")?,
        roles: row.try_get("roles")?,
        names_agree: row.try_get("names_agree")?,
        keys: row.try_get("keys")?,
        activations: row.try_get("activations")?,
        follows: row.try_get("follows")?,
    })
}

fn judge_item(verdict: &mut Verdict, name: &str, fate: Fate, found: &[&Found]) {
    let [item] = found else {
        verdict.lost += 1;
        verdict.violations.push(format!("{name} is there {} times", found.len()));
        return;
    };
    let fits = match fate {
        Fate::Made => item.state == "succeeded",
        Fate::Failed => item.state == "failed",
        Fate::Unmade => ["cancelled", "rolled_back", "failed"].contains(&item.state.as_str()),
        Fate::Moved => item.state == "succeeded" || (item.was_deleted && item.state == "failed"),
        Fate::MovedOrNot => {
            ["succeeded", "cancelled"].contains(&item.state.as_str())
                || (item.was_deleted && item.state == "failed")
        }
        Fate::ResumedOrNot => ["succeeded", "failed"].contains(&item.state.as_str()),
    };
    if !fits {
        verdict.lost += 1;
        let Found { state, why, .. } = item;
        verdict.violations.push(format!("{name} is {state}, and was to be {fate:?} ({why})"));
    }
    let twice = [item.schemas, item.roles, item.keys, item.activations].iter().any(|n| *n > 1);
    verdict.duplicates += u64::from(twice);
    let all = (item.active, item.schemas, item.roles, item.keys, item.activations);
    let was_there = matches!(fate, Fate::Moved | Fate::MovedOrNot | Fate::ResumedOrNot);
    let whole = if item.gone {
        all == (false, 0, 0, 0, 1)
    } else if was_there || item.state == "succeeded" {
        all == (true, 1, 1, 1, 1) && item.names_agree
    } else {
        all == (false, 0, 0, 0, 0)
    };
    if !whole {
        verdict.violations.push(format!("{name} is not whole: {item:?}"));
    }
}

async fn judge_batches(bed: &Bed, verdict: &mut Verdict) -> sqlx::Result<()> {
    let sizes: BTreeMap<Uuid, usize> =
        bed.asked.iter().map(|asked| (asked.id, asked.fates.len())).collect();
    for row in sqlx::query(BATCHES).fetch_all(&bed.pool).await? {
        let (id, run): (Uuid, i32) = (row.try_get("id")?, row.try_get("run")?);
        let announced: Vec<i64> = row.try_get("announced")?;
        let beyond: i64 = row.try_get("beyond")?;
        if announced.len() != usize::try_from(run).unwrap_or(0)
            || announced.iter().any(|n| *n != 1)
            || beyond != 0
        {
            verdict.duplicates += u64::from(announced.iter().any(|n| *n > 1) || beyond > 0);
            let words =
                format!("batch {id}, run {run}: its ends were announced {announced:?} times");
            verdict.violations.push(words);
        }
        let (total, state): (i32, String) = (row.try_get("total")?, row.try_get("state")?);
        if sizes.get(&id).is_some_and(|size| usize::try_from(total) != Ok(*size)) {
            verdict.violations.push(format!("batch {id}, {state}, says it has {total} items"));
        }
    }
    Ok(())
}
