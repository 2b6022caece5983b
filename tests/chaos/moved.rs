//! What became of tenants that operations moved, suspended and deleted.

use std::collections::BTreeSet;

use sqlx::{PgPool, Row as _, postgres::PgRow};

use crate::{judge::Verdict, moves::BEFORE};

/// Each tenant that an operation moved: what its ledger says, what is there, and what was to be.
const TENANTS: &str = "
with moved as (
    select t.id, t.schema_name, m.version, min(o.created_at) as first,
           count(*) filter (where i.state = 'succeeded' and i.result -> 'applied' ? '0015') as ups,
           count(*) filter (where i.state = 'succeeded' and i.result -> 'reverted' ? '0015') as downs
    from tenantry.operation_items i
    join tenantry.operations o on o.id = i.operation_id and o.kind = 'migrate'
    join tenantry.tenants t on t.id = i.tenant_id and t.state <> 'deleted'
    left join tenantry.tenant_migrations m on m.tenant_id = t.id
    group by 1, 2, 3
), found as (
    select m.*, to_regclass(format('%I.second', schema_name)) is not null as there,
           case when to_regclass(format('%I.moves', schema_name)) is not null then query_to_xml(format(
               'select count(*) filter (where direction = ''up'' and begun < %L) as born,
                       count(*) filter (where direction = ''up'') as up,
                       count(*) filter (where direction = ''down'') as down,
                       count(*) filter (where begun < before or ended is null) as beside
                from (select *, max(ended) over (order by begun, n
                          rows between unbounded preceding and 1 preceding) as before
                      from %I.moves) m', first, schema_name), true, false, '') end as moves
    from moved m
)
select id, version, there, ups, downs,
       coalesce((xpath('/table/row/born/text()', moves))[1]::text::bigint, 0) as born,
       coalesce((xpath('/table/row/up/text()', moves))[1]::text::bigint, 0) as up,
       coalesce((xpath('/table/row/down/text()', moves))[1]::text::bigint, 0) as down,
       coalesce((xpath('/table/row/beside/text()', moves))[1]::text::bigint, 0) as beside
from found order by id";

/// Two items that were at work on one tenant at one time.
const TOGETHER: &str = "
select a.tenant_id, a.id, b.id as other
from tenantry.operation_items a
join tenantry.operation_items b on b.tenant_id = a.tenant_id and b.id > a.id
    -- what interrupts waits for nothing
    and not a.interrupts and not b.interrupts
    and b.started_at < a.finished_at and a.started_at < b.finished_at
order by 1, 2, 3";

/// Tenants whose users get in and should not, or the other way round.
const DOORS: &str = "
select t.id, t.state, r.rolcanlogin as login, has_schema_privilege(r.oid, n.oid, 'usage') as usage
from tenantry.tenants t
join pg_roles r on r.rolname = t.role_name
join pg_namespace n on n.nspname = t.schema_name
where t.state in ('active', 'suspended', 'deleting')
    and (r.rolcanlogin, has_schema_privilege(r.oid, n.oid, 'usage'))
        is distinct from (t.state = 'active', t.state = 'active')
order by 1";

/// Tenants that were dropped twice, that came back, or that were left half dropped.
const DROPPED: &str = "
select t.id, t.state, t.purge_began_at is not null as begun, it.dropped
from tenantry.tenants t
cross join lateral (
    select count(*) as dropped from tenantry.operation_items i
    join tenantry.operations o on o.id = i.operation_id and o.kind = 'purge'
    where i.tenant_id = t.id and i.state = 'succeeded') it
where it.dropped <> (t.state = 'deleted')::int
    or (t.purge_began_at is not null) <> (t.state = 'deleted')
order by 1";

/// Holds what became of the moves against what was asked for.
pub(crate) async fn judge(pool: &PgPool, verdict: &mut Verdict) -> sqlx::Result<()> {
    for row in sqlx::query(TENANTS).fetch_all(pool).await? {
        judge_tenant(&row, verdict)?;
    }
    for row in sqlx::query(DOORS).fetch_all(pool).await? {
        let (id, state): (i64, String) = (row.try_get("id")?, row.try_get("state")?);
        let (login, usage): (bool, bool) = (row.try_get("login")?, row.try_get("usage")?);
        verdict.lost += 1;
        verdict.violations.push(format!(
            "tenant {id} is {state}, and its role may log in: {login}, use its schema: {usage}"
        ));
    }
    for row in sqlx::query(DROPPED).fetch_all(pool).await? {
        let (id, state): (i64, String) = (row.try_get("id")?, row.try_get("state")?);
        let (begun, dropped): (bool, i64) = (row.try_get("begun")?, row.try_get("dropped")?);
        verdict.lost += 1;
        verdict.violations.push(format!(
            "tenant {id} is {state}, its drop has begun: {begun}, and it was dropped {dropped} times"
        ));
    }
    let mut told = BTreeSet::new();
    for row in sqlx::query(TOGETHER).fetch_all(pool).await? {
        let (tenant, item, other): (i64, i64, i64) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        verdict.together += u64::from(told.insert(tenant));
        verdict
            .violations
            .push(format!("items {item} and {other} were at work on tenant {tenant} together"));
    }
    Ok(())
}

fn judge_tenant(row: &PgRow, verdict: &mut Verdict) -> sqlx::Result<()> {
    let id: i64 = row.try_get("id")?;
    let number = |column| row.try_get::<i64, _>(column);
    let (version, there): (Option<String>, bool) = (row.try_get("version")?, row.try_get("there")?);
    let fits = match version.as_deref() {
        Some(BEFORE) => !there,
        Some(newer) => there && newer > BEFORE,
        _ => false,
    };
    if !fits {
        verdict.lost += 1;
        let words =
            format!("tenant {id}: its ledger says {version:?}, and its table is there: {there}");
        verdict.violations.push(words);
    }
    // It was born before that migration or with it.
    let born = number("born")?.min(1);
    let (up, to_be) = (number("up")?, number("ups")? + born);
    let (down, to_be_down) = (number("down")?, number("downs")?);
    if (up, down) != (to_be, to_be_down) {
        verdict.duplicates += 1;
        verdict.violations.push(format!(
            "tenant {id} was moved up {up} times and down {down} times, and was to be {to_be} and \
             {to_be_down} times"
        ));
    }
    if number("beside")? > 0 {
        verdict.together += 1;
        verdict.violations.push(format!("two moves of tenant {id} were under way at one time"));
    }
    Ok(())
}
