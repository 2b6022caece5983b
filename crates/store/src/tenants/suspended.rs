//! What the registry knows of suspended tenants.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::{ItemId, TenantId, TenantState};
use serde_json::Value;
use sqlx::PgConnection;

use crate::decode::decode;

/// Why and until when a tenant is suspended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspension {
    pub since: DateTime<Utc>,
    pub reason: Option<String>,
    /// When it is resumed; `None`: when somebody does it.
    pub until: Option<DateTime<Utc>>,
}

/// What a tenant's role is to be able to do.
#[derive(Debug, Clone)]
pub struct Standing {
    pub state: TenantState,
    /// What the role could do before the tenant was suspended, if that was taken from it.
    pub rights: Option<Value>,
}

/// How each of `tenants` stands, in their order; `None` where there is none. Nobody else changes that before
/// the transaction ends, as every change of a state updates the tenant's row.
pub async fn lock_standing(
    conn: &mut PgConnection,
    tenants: &[TenantId],
) -> sqlx::Result<Vec<Option<Standing>>> {
    let ids: Vec<i64> = tenants.iter().map(|tenant| tenant.get()).collect();
    let rows = sqlx::query!(
        "select id, state, suspended_rights from tenantry.tenants
         where id = any($1::bigint[]) order by id for no key update",
        &ids,
    )
    .fetch_all(conn)
    .await?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in rows {
        let standing = Standing { state: decode(&row.state)?, rights: row.suspended_rights };
        found.insert(row.id, standing);
    }
    Ok(ids.iter().map(|id| found.remove(id)).collect())
}

/// Locks the tenants of these items. A statement that waits for a row sees of other tables what was there before it
/// waited: what decides by later items locks first, in a statement of its own.
pub(super) async fn lock_all(
    conn: &mut PgConnection,
    items: &[(ItemId, TenantId)],
) -> sqlx::Result<()> {
    let tenants: Vec<TenantId> = items.iter().map(|(_, tenant)| *tenant).collect();
    lock_standing(conn, &tenants).await.map(drop)
}

/// Keeps what the role of each tenant could do before, or forgets it where that is `None`.
pub async fn keep_rights(
    conn: &mut PgConnection,
    tenants: &[(TenantId, Option<Value>)],
) -> sqlx::Result<()> {
    let (ids, rights): (Vec<i64>, Vec<Option<&Value>>) =
        tenants.iter().map(|(id, rights)| (id.get(), rights.as_ref())).unzip();
    sqlx::query!(
        "update tenantry.tenants t set suspended_rights = c.rights
         from unnest($1::bigint[], $2::jsonb[]) as c (id, rights)
         where t.id = c.id and t.suspended_rights is distinct from c.rights",
        &ids,
        &rights as &[Option<&Value>],
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// `suspended → active` for the tenants of these items; gives those for which it is so, and why they were
/// suspended. Not for one that was suspended again by a later item.
pub async fn resume(
    conn: &mut PgConnection,
    items: &[(ItemId, TenantId)],
) -> sqlx::Result<HashMap<TenantId, Option<String>>> {
    lock_all(conn, items).await?;
    let (items, ids): (Vec<i64>, Vec<i64>) =
        items.iter().map(|(item, tenant)| (item.get(), tenant.get())).unzip();
    let resumed = sqlx::query!(
        "update tenantry.tenants t
         set state = 'active', suspended_at = null, suspended_reason = null, suspended_until = null,
             updated_at = clock_timestamp()
         from unnest($1::bigint[], $2::bigint[]) as c (item, tenant)
         join tenantry.tenants before on before.id = c.tenant
         where t.id = c.tenant and t.state = 'suspended'
           and not exists (select from tenantry.operation_items i
                           join tenantry.operations o on o.id = i.operation_id and o.kind = 'suspend'
                           where i.tenant_id = t.id and i.interrupts and i.id > c.item)
         returning t.id, before.suspended_reason",
        &items,
        &ids,
    )
    .fetch_all(conn)
    .await?;
    Ok(resumed.into_iter().map(|it| (TenantId::new(it.id), it.suspended_reason)).collect())
}

/// At most `limit` suspended tenants whose time is over; they are not found a second time.
pub async fn take_over_due(conn: &mut PgConnection, limit: i64) -> sqlx::Result<Vec<TenantId>> {
    let due = sqlx::query_scalar!(
        "update tenantry.tenants set suspended_until = null
         where id in (select id from tenantry.tenants
                      where suspended_until <= clock_timestamp() and state = 'suspended'
                      order by suspended_until limit $1 for update skip locked)
         returning id",
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(due.into_iter().map(TenantId::new).collect())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_tenant_that_was_suspended_again_by_a_later_item_is_not_resumed_by_an_earlier_one() {
        let db = harness::fresh_db().await;
        sqlx::raw_sql(
            "insert into tenantry.tenants (name, domain, schema_name, role_name, state, suspended_reason)
             values ('A', 'a.example.com', 's', 'r', 'suspended', 'unpaid');
             with o as (insert into tenantry.operations (id, kind, state, mode, total)
                        values (gen_random_uuid(), 'suspend', 'queued', 'independent', 1) returning id)
             insert into tenantry.operation_items (id, operation_id, idx, state, tenant_id, input, interrupts)
             select 10, id, 0, 'succeeded', 1, '{}', true from o;
             with o as (insert into tenantry.operations (id, kind, state, mode, total)
                        values (gen_random_uuid(), 'revoke_keys', 'queued', 'independent', 1) returning id)
             insert into tenantry.operation_items (id, operation_id, idx, state, tenant_id, input, interrupts)
             select 12, id, 0, 'succeeded', 1, '{}', true from o",
        )
        .execute(&db.pool)
        .await
        .unwrap();
        let mut conn = db.pool.acquire().await.unwrap();
        let tenant = TenantId::new(1);

        let earlier = resume(&mut conn, &[(ItemId::new(9), tenant)]).await.unwrap();
        let later = resume(&mut conn, &[(ItemId::new(11), tenant)]).await.unwrap();

        assert!(earlier.is_empty());
        assert_eq!(later, HashMap::from([(tenant, Some("unpaid".to_owned()))]));
    }

    /// A tenant, and the operation of a later item that asks for the opposite: not committed yet.
    const LATER: &str = "
        update tenantry.tenants set updated_at = clock_timestamp() where id = 1;
        with o as (insert into tenantry.operations (id, kind, state, mode, total)
                   values (gen_random_uuid(), KIND, 'queued', 'independent', 1) returning id)
        insert into tenantry.operation_items (id, operation_id, idx, state, tenant_id, input, interrupts)
        select 10, id, 0, 'queued', 1, '{}', true from o";

    #[tokio::test]
    async fn what_is_asked_while_an_earlier_item_waits_for_the_tenants_row_has_the_last_word() {
        for (state, kind) in [("suspended", "'suspend'"), ("deleting", "'delete'")] {
            let db = harness::fresh_db().await;
            sqlx::query(
                "insert into tenantry.tenants (name, domain, schema_name, role_name, state)
                 values ('A', 'a.example.com', 's', 'r', $1)",
            )
            .bind(state)
            .execute(&db.pool)
            .await
            .unwrap();
            let mut later = db.pool.begin().await.unwrap();
            let sql = LATER.replace("KIND", kind);
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut *later).await.unwrap();

            let pool = db.pool.clone();
            let earlier = tokio::spawn(async move {
                let mut tx = pool.begin().await.unwrap();
                let items = [(ItemId::new(9), TenantId::new(1))];
                let moved = match state {
                    "suspended" => resume(&mut tx, &items).await,
                    _ => crate::tenants::undelete(&mut tx, &items).await,
                };
                tx.commit().await.unwrap();
                moved.unwrap()
            });
            // Not asked within `later`: a transaction sees the sessions as they were when it first looked.
            let waits = "select count(*) from pg_stat_activity
                where wait_event_type = 'Lock' and datname = current_database()";
            let somebody_waits = async {
                while sqlx::query_scalar::<_, i64>(waits).fetch_one(&db.pool).await.unwrap() == 0 {}
            };
            tokio::time::timeout(Duration::from_secs(30), somebody_waits).await.unwrap();
            later.commit().await.unwrap();

            assert!(earlier.await.unwrap().is_empty(), "{kind} came later");
        }
    }
}
