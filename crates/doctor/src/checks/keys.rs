//! API keys: that each tenant has the ones it should, and that their sealed secrets can be opened and
//! are erased in time.

use domain::{OperationId, TenantId};
use serde_json::json;
use sqlx::{PgConnection, types::Uuid};
use store::{audit::Entry, master_keys};

use crate::{
    Kind, Subject,
    check::checks,
    repair::{Repair, Repaired, Stop},
    report::Gatherer,
};

/// Secrets read at a time.
const PAGE: i64 = 1_000;

checks! {
    // An operator revoked a key that was revoked after the activation. A key expires by itself, so an operator
    // may not know that the tenant has none.
    TenantWithoutLiveKey, Tenant:
        "select t.id::text,
                format('tenant %s is active and has no live API key', t.id),
                false
         from tenantry.tenants t
         where t.state = 'active'
           and exists (
               select from tenantry.operation_items i where i.tenant_id = t.id and i.state = 'succeeded')
           and not exists (
               select from tenantry.api_keys k
               where k.tenant_id = t.id
                 and (k.revoked_at >= t.activated_at
                      or k.revoked_at is null and (k.expires_at is null or k.expires_at > now())))";

    // Provisioning makes one. A tenant may have a second, as while its key is rotated.
    SeveralLiveKeys, Tenant:
        "select live.tenant_id::text,
                format('tenant %s has %s live API keys, %s of them from provisioning',
                       live.tenant_id, live.keys, live.provisioned),
                false
         from (
             select k.tenant_id, count(*) as keys, count(o.id) as provisioned
             from tenantry.api_keys k
             left join tenantry.operations o on o.id = k.operation_id and o.kind = 'provision'
             where k.revoked_at is null and (k.expires_at is null or k.expires_at > now())
             group by k.tenant_id
         ) as live
         where live.provisioned > 1 or live.keys > 2";

    KeyWithoutTenant, Key:
        "select k.id::text,
                format('API key %s is live and tenant %s is %s', k.id, t.id, t.state),
                true
         from tenantry.api_keys k
         join tenantry.tenants t on t.id = k.tenant_id
         where k.revoked_at is null and t.state in ('deleted', 'released')";

    SealedPastItsTime, Key:
        "select k.id::text,
                format('the secret of API key %s of tenant %s was to be erased at %s',
                       k.id, k.tenant_id, to_char(k.sealed_until, 'YYYY-MM-DD HH24:MI:SS TZ')),
                true
         from tenantry.api_keys k
         cross join scope s
         where k.sealed is not null and k.sealed_until < s.settled_before";

    // How long secrets are kept is a setting of the workers: as long as any that is kept still, and
    // an hour at least.
    SecretErasedEarly, Key:
        "select k.id::text,
                format('the secret of API key %s of tenant %s was erased before anybody confirmed it',
                       k.id, k.tenant_id),
                false
         from tenantry.api_keys k
         where k.sealed is null and k.revoked_at is null
           -- one that an imported tenant had before has no prefix, and no secret was ever sealed
           and k.prefix <> ''
           and k.created_at > now() - (
               select coalesce(min(o.sealed_until - o.created_at), interval '1 hour')
               from tenantry.api_keys o where o.sealed is not null and o.sealed_until > now())
           and not exists (select from tenantry.audit_log a
                           where a.operation_id = k.operation_id and a.action like 'keys.%'
                             and a.action not in ('keys.revealed', 'keys.rotated', 'keys.revoked'))
           and not exists (select from tenantry.audit_log a
                           where a.tenant_id = k.tenant_id and a.at >= k.created_at
                             and a.action like 'keys.%'
                             and a.action not in ('keys.revealed', 'keys.rotated', 'keys.revoked'))";
}

/// Finds a master key that is not the installation's, and secrets that it does not open. Looks at
/// nothing without a configured key.
pub(crate) async fn walk_sealed(
    conn: &mut PgConnection,
    gatherer: &mut Gatherer<'_>,
) -> sqlx::Result<()> {
    let Some(sealer) = &gatherer.scope.sealer else { return Ok(()) };
    let ours: Vec<String> = sealer.ids().map(|id| id.to_string()).collect();
    let current = master_keys::current(conn).await?;
    if let Some(current) = current.filter(|current| !ours.contains(current)) {
        let sentence = format!(
            "the master key here has the fingerprint {}, and the installation's has {current}",
            ours.join(" and ")
        );
        gatherer.add(Kind::MasterKeyDiffers, Subject::MasterKey(current), sentence, false);
    }
    let mut after = 0;
    loop {
        let page = master_keys::sealed_after(conn, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        for secret in &page {
            let Err(error) = sealer.open(&secret.sealed, secret.tenant) else { continue };
            let sentence = format!("API key {} of tenant {}: {error}", secret.id, secret.tenant);
            gatherer.add(Kind::SealedUnreadable, Subject::Key(secret.id), sentence, false);
        }
    }
}

/// Revokes the key of a tenant that is gone. The tenant's row is held, so that no retry revives it
/// meanwhile.
pub(crate) async fn revoke<'a>(cx: &mut Repair<'a>, key: i64) -> Repaired<'a> {
    change(
        cx,
        key,
        "key.revoked",
        "with gone as (
             select t.id from tenantry.tenants t
             join tenantry.api_keys k on k.tenant_id = t.id
             where k.id = $1 and t.state in ('deleted', 'released') for update of t
         )
         update tenantry.api_keys k
         set revoked_at = clock_timestamp(), sealed = null, sealed_until = null
         from gone
         where k.id = $1 and k.tenant_id = gone.id and k.revoked_at is null
         returning k.tenant_id, k.operation_id",
    )
    .await
}

/// Erases a secret whose time is over. The key stays good.
pub(crate) async fn erase_secret<'a>(cx: &mut Repair<'a>, key: i64) -> Repaired<'a> {
    change(
        cx,
        key,
        "keys.expired",
        "update tenantry.api_keys set sealed = null, sealed_until = null
         where id = $1 and sealed is not null and sealed_until < clock_timestamp()
         returning tenant_id, operation_id",
    )
    .await
}

/// Changes a key by a statement that gives its tenant and operation back, or nothing if it is past.
async fn change<'a>(
    cx: &mut Repair<'a>,
    key: i64,
    action: &'static str,
    sql: &'static str,
) -> Repaired<'a> {
    let changed: Option<(i64, Option<Uuid>)> =
        sqlx::query_as(sql).bind(key).fetch_optional(&mut *cx.conn).await?;
    let (tenant, operation) = changed.ok_or(Stop::Gone)?;
    let (tenant, operation) = (Some(TenantId::new(tenant)), operation.map(OperationId::new));
    Ok(Entry { tenant, operation, ..cx.did(action, json!({ "key": key })) })
}
