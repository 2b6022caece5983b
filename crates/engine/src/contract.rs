//! The contract every step is held to, as a test kit.
//!
//! The kit compares snapshots of everything a step may touch: schemas, relations, roles,
//! memberships, default privileges, and the tenant's rows in the control schema. All of it
//! happens in one transaction that is rolled back. Left out is the role's place among the tenants: no
//! step takes it back, as it goes with the role.

use sqlx::{Acquire, PgConnection, PgPool};
use store::items::Claim;

use crate::{AnyStep, GroupCx, StepCx, StepName};

/// A claimed item and the steps that come before the one under test.
#[derive(Debug)]
pub struct Bench<'a> {
    /// The item; its tenant must be reserved in the registry.
    pub claim: &'a Claim,
    /// Applied first, in order.
    pub before: &'a [&'a dyn AnyStep],
}

/// Holds `step` to the contract of [`crate::Step`].
///
/// # Panics
/// When the step breaks the contract, naming the clause; or when the database fails.
pub async fn assert_contract(pool: &PgPool, bench: &Bench<'_>, step: &dyn AnyStep) {
    let name = step.name();
    let mut tx = pool.begin().await.expect("begin");
    for earlier in bench.before {
        apply(&mut tx, bench.claim, *earlier).await;
    }
    let clean = snapshot(&mut tx, bench.claim).await;

    undo(&mut tx, bench.claim, step).await;
    let undone_first = snapshot(&mut tx, bench.claim).await;
    assert_same(&undone_first, &clean, name, "undo before apply must do nothing");

    let mut inner = tx.begin().await.expect("savepoint");
    apply(&mut inner, bench.claim, step).await;
    inner.rollback().await.expect("rollback");
    let rolled_back = snapshot(&mut tx, bench.claim).await;
    assert_same(&rolled_back, &clean, name, "a rolled back apply must leave nothing");

    apply(&mut tx, bench.claim, step).await;
    let once = snapshot(&mut tx, bench.claim).await;
    apply(&mut tx, bench.claim, step).await;
    let twice = snapshot(&mut tx, bench.claim).await;
    assert_same(&twice, &once, name, "apply twice must be apply once");

    undo(&mut tx, bench.claim, step).await;
    step.apply_all_any(&mut GroupCx::new(std::slice::from_ref(bench.claim), &mut tx))
        .await
        .unwrap_or_else(|e| panic!("{name}: apply_all failed: {e}: {e:?}"));
    let all = snapshot(&mut tx, bench.claim).await;
    let (all, once) = (without_chance(&all), without_chance(&once));
    assert_same(&all, &once, name, "apply_all must leave what apply leaves");

    undo(&mut tx, bench.claim, step).await;
    let undone = snapshot(&mut tx, bench.claim).await;
    assert_same(&undone, &clean, name, "undo must leave nothing of apply");
    undo(&mut tx, bench.claim, step).await;
    let undone_twice = snapshot(&mut tx, bench.claim).await;
    assert_same(&undone_twice, &clean, name, "undo twice must be undo once");
    tx.rollback().await.expect("rollback");
}

/// What is left when each key's hash is taken out: another one each time it is minted.
fn without_chance(world: &[String]) -> Vec<String> {
    let is_key = |line: &String| line.starts_with("key ");
    let masked = world.iter().map(|line| match line.rsplit_once(" sealed ") {
        Some((_, sealed)) if is_key(line) => format!("key sealed {sealed}"),
        _ => line.clone(),
    });
    masked.collect()
}

/// Fails with the lines that differ; the rest of the world is long and says nothing.
fn assert_same(found: &[String], wanted: &[String], step: StepName, clause: &str) {
    let only_in = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|line| !those.contains(line)).cloned().collect()
    };
    let (extra, missing) = (only_in(found, wanted), only_in(wanted, found));
    assert!(
        extra.is_empty() && missing.is_empty(),
        "{step}: {clause}\nthere and not wanted: {extra:#?}\nwanted and not there: {missing:#?}"
    );
}

async fn apply(conn: &mut PgConnection, claim: &Claim, step: &dyn AnyStep) {
    let applied = step.apply_any(&mut StepCx::new(claim, conn)).await;
    applied.unwrap_or_else(|e| panic!("{}: apply failed: {e}: {:?}", step.name(), e));
}

async fn undo(conn: &mut PgConnection, claim: &Claim, step: &dyn AnyStep) {
    let undone = step.undo_any(&mut StepCx::new(claim, conn)).await;
    undone.unwrap_or_else(|e| panic!("{}: undo failed: {e}: {:?}", step.name(), e));
}

/// Everything a step may touch, one line a thing, in a fixed order.
async fn snapshot(conn: &mut PgConnection, claim: &Claim) -> Vec<String> {
    sqlx::query_scalar(SNAPSHOT)
        .bind(claim.tenant.role.as_str())
        .bind(claim.tenant.id.get())
        .fetch_all(conn)
        .await
        .expect("snapshot")
}

/// Rights that were never set count as the default they stand for. Roles are the cluster's, so only
/// the tenant's own is looked at: others come and go. So do spares: one that was taken is used up.
const SNAPSHOT: &str = "
    select line from (
        select format('schema %s acl %s mark %s', nspname,
                      coalesce(nspacl, acldefault('n', nspowner)),
                      obj_description(oid, 'pg_namespace')) as line
        from pg_namespace where nspname !~ '^(pg|tenantry_spare)_'
        union all
        select format('relation %s kind %s acl %s', c.oid::regclass, c.relkind,
                      coalesce(c.relacl, case c.relkind
                          when 'S' then acldefault('s', c.relowner)
                          when 'i' then null else acldefault('r', c.relowner) end))
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname !~ '^(pg|tenantry_spare)_' and n.nspname <> 'information_schema'
        union all
        select format('function %s acl %s', p.oid::regprocedure, 
                      (select string_agg(x::text, ',' order by x::text)
                       from unnest(coalesce(p.proacl, acldefault('f', p.proowner))) x))
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname !~ '^(pg|tenantry_spare)_' and n.nspname <> 'information_schema'
        union all
        select format('imported: %s', i.found) from tenantry.imports i where i.tenant_id = $2
        union all
        select format('default privileges %s %s %s', n.nspname, d.defaclobjtype, d.defaclacl)
        from pg_default_acl d join pg_namespace n on n.oid = d.defaclnamespace
        where n.nspname !~ '^tenantry_spare_'
        union all
        select format('role %s login %s limit %s settings %s mark %s', rolname, rolcanlogin,
                      rolconnlimit, rolconfig, shobj_description(oid, 'pg_authid'))
        from pg_roles where rolname = $1
        union all
        select format('member of %s', m.roleid::regrole)
        from pg_auth_members m join pg_roles r on r.oid = m.member where r.rolname = $1
            -- a tenant's place among tenants goes with its role
            and not m.roleid::regrole::text ~ '^tn_.*_tenants$'
        union all
        select format('has member %s', m.member::regrole)
        from pg_auth_members m join pg_roles r on r.oid = m.roleid where r.rolname = $1
            -- who makes a role is in it as long as it is there
            and not m.admin_option
        union all
        select format('tenant %s active %s', state, activated_at is not null)
        from tenantry.tenants where id = $2
        union all
        select format('migrations of set %s up to %s', set_hash, version)
        from tenantry.tenant_migrations where tenant_id = $2
        union all
        select format('key %s sealed %s', encode(hash, 'hex'), sealed is not null)
        from tenantry.api_keys where tenant_id = $2 and revoked_at is null
    ) as world order by line";
