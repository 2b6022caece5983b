//! Items: who works on them, that their columns agree, and what failed ones leave behind.

use domain::{ItemId, OperationId, TenantId};
use serde_json::json;
use sqlx::PgConnection;
use store::audit::Entry;

use super::tenants;
use crate::{
    check::checks,
    registered::{self, Registered},
    repair::{Repair, Repaired, Stop},
};

checks! {
    // Another worker should have taken them over by now.
    ItemOwnedByDeadWorker, Item:
        "select i.id::text,
                format('item %s is %s and %s', i.id, i.state, case
                    when i.worker_id is null then 'belongs to no worker'
                    when w.id is null then 'its worker ' || i.worker_id || ' is unknown'
                    when w.stopped_at is not null then 'its worker ' || w.id || ' has stopped'
                    else 'its worker ' || w.id || ' is silent' end),
                true
         from tenantry.operation_items i
         left join tenantry.workers w on w.id = i.worker_id
         cross join scope s
         -- without an owner, what unwinds waits, and a job brings a worker to it
         where (i.state = 'running' or (i.state = 'unwinding' and i.worker_id is not null))
           and case
               when w.id is null then coalesce(i.started_at, i.created_at) < s.settled_before
               when w.stopped_at is not null then w.stopped_at < s.settled_before
               else w.seen_at < s.silent_before end";

    ItemInWrongState, Item:
        "select i.id::text,
                format('item %s is %s and %s', i.id, i.state, fault.sentence),
                false
         from tenantry.operation_items i
         join tenantry.operations b on b.id = i.operation_id
         left join tenantry.tenants t on t.id = i.tenant_id
         cross join lateral (select concat_ws(' and ',
             case when i.state = 'built' and b.mode <> 'atomic'
                  then 'its operation is not all or nothing' end,
             case when i.state not in ('running', 'unwinding') and i.worker_id is not null
                  then 'still belongs to worker ' || i.worker_id end,
             case when i.state in ('succeeded', 'failed', 'cancelled', 'rolled_back', 'undo_failed', 'stuck')
                       and i.finished_at is null
                  then 'has no time of its end' end,
             case when i.state in ('planned', 'queued', 'waiting', 'running', 'retrying', 'built', 'unwinding')
                       and t.id is null
                  then 'has no tenant' end,
             case when b.kind = 'provision' and i.state in ('queued', 'running', 'retrying', 'built')
                       and t.state in ('deleted', 'released')
                  then 'the names of tenant ' || t.id || ' are not reserved' end
         )) as fault (sentence)
         where fault.sentence <> ''";

    UndoFailed, Item:
        "select i.id::text,
                format('item %s of operation %s %s (%s): see to the cause, then run '
                       '`tenantry item %s %s %s`, or clear up by hand and run '
                       '`tenantry item resolve %s %s --note WHAT`',
                       i.idx, i.operation_id, word.fault, coalesce(i.error_code, 'no code'), word.verb,
                       i.operation_id, i.idx, i.operation_id, i.idx),
                false
         from tenantry.operation_items i
         join (values ('undo_failed', 'could not be undone', 'undo'),
                      ('stuck', 'can go neither on nor back', 'retry')) as word (state, fault, verb)
              on word.state = i.state
         where i.state in ('undo_failed', 'stuck')";

    // A tenant that was activated and deleted later is no trouble.
    SucceededWithoutTenant, Item:
        "select i.id::text,
                format('item %s has succeeded and %s', i.id, case
                    when i.tenant_id is null then 'names no tenant'
                    when t.id is null then format('tenant %s does not exist', i.tenant_id)
                    when t.state <> 'pending' then format('tenant %s has no time of its activation', t.id)
                    else format('tenant %s is %s', t.id, t.state) end),
                false
         from tenantry.operation_items i
         left join tenantry.tenants t on t.id = i.tenant_id
         where i.state = 'succeeded'
           and (t.id is null or t.state in ('pending', 'released') or t.activated_at is null)";

    CheckpointMissing, Item:
        "select i.id::text,
                format('item %s is %s and no stage of it is recorded', i.id, i.state),
                false
         from tenantry.operation_items i
         where i.state in ('succeeded', 'built')
           and not exists (select from tenantry.checkpoints c
                           where c.item_id = i.id and c.undone_at is null)";

    // An active tenant is not repaired: it may have data, and only people can say whether item or
    // registry is wrong. What is left of a tenant that is gone is found by the marks of schemas and roles.
    FailedWithRemains, Item:
        "select i.id::text,
                format('item %s is %s, tenant %s is %s, and there is still %s',
                       i.id, i.state, t.id, t.state, remains.list),
                t.state in ('pending', 'deleted', 'released')
         from tenantry.operation_items i
         join tenantry.operations b on b.id = i.operation_id and b.kind = 'provision'
         join tenantry.tenants t on t.id = i.tenant_id
         cross join lateral (select concat_ws(', ',
             case when t.state in ('pending', 'active', 'suspended') and exists (
                 select from schemas n where n.name = t.schema_name and n.tenant = t.id)
                 then 'its schema' end,
             case when t.state in ('pending', 'active', 'suspended') and exists (
                 select from roles r where r.name = t.role_name and r.tenant = t.id)
                 then 'its role' end,
             case when t.state in ('pending', 'active', 'suspended') and exists (
                 select from tenantry.api_keys k where k.tenant_id = t.id and k.revoked_at is null)
                 then 'a live key' end,
             case when exists (
                 select from tenantry.checkpoints c where c.item_id = i.id and c.undone_at is null)
                 then 'a stage that was not undone' end
         )) as remains (list)
         where i.state in ('failed', 'cancelled', 'rolled_back')
           and remains.list <> ''
           -- a retry may have given the same tenant to another item, whose they are then
           and not exists (
               select from tenantry.operation_items o
               where o.tenant_id = t.id and o.id <> i.id
                 and o.state not in ('failed', 'cancelled', 'rolled_back'))";
}

/// Takes away all that is left of a pending tenant. Of one that is gone only the record of stages
/// goes, so that a retry makes them anew.
pub(crate) async fn clear_remains<'a>(cx: &mut Repair<'a>, item: ItemId) -> Repaired<'a> {
    let (operation, id) = names(cx.conn, item).await?.ok_or(Stop::Gone)?;
    registered::lock(cx.conn, id).await?;
    // Then as a retry takes them: the operation, its items, their tenants.
    store::operations::lock(cx.conn, operation).await?;
    sqlx::query(
        "select from tenantry.operation_items
         where id = $1 and state in ('failed', 'cancelled', 'rolled_back') for update",
    )
    .bind(item.get())
    .fetch_optional(&mut *cx.conn)
    .await?
    .ok_or(Stop::Gone)?;
    let tenant = registered::hold(cx.conn, id).await?.ok_or(Stop::Gone)?;
    if registered::is_claimed(cx.conn, id).await? {
        return Err(Stop::Refused(format!("another item makes tenant {id}, or has made it")));
    }
    let dropped = match &tenant {
        Registered { state, .. } if state == "pending" => {
            tenants::take_back(cx, id, &tenant).await?
        }
        gone if gone.is_gone() => json!({}),
        Registered { state, .. } => {
            return Err(Stop::Refused(format!("tenant {id} is {state}: it may have data")));
        }
    };
    let undone = forget_stages(cx.conn, item).await?;
    if tenant.is_gone() && undone == 0 {
        return Err(Stop::Gone);
    }
    let detail = json!({ "item": item, "dropped": dropped, "stages": undone });
    Ok(Entry { operation: Some(operation), ..cx.did_to(id, "tenant.released", detail) })
}

async fn names(
    conn: &mut PgConnection,
    item: ItemId,
) -> sqlx::Result<Option<(OperationId, TenantId)>> {
    let row: Option<(sqlx::types::Uuid, Option<i64>)> = sqlx::query_as(
        "select operation_id, tenant_id from tenantry.operation_items where id = $1",
    )
    .bind(item.get())
    .fetch_optional(conn)
    .await?;
    Ok(row.and_then(|(operation, tenant)| {
        Some((OperationId::new(operation), TenantId::new(tenant?)))
    }))
}

async fn forget_stages(conn: &mut PgConnection, item: ItemId) -> sqlx::Result<u64> {
    let undone = sqlx::query(
        "update tenantry.checkpoints set undone_at = clock_timestamp()
         where item_id = $1 and undone_at is null",
    )
    .bind(item.get())
    .execute(conn)
    .await?;
    Ok(undone.rows_affected())
}
