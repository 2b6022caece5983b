//! Provisioned tenants without a key. A key revoked after the activation was an operator's doing.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::TenantWithoutLiveKey,
    subject: Subject::tenant,
    sql: finds!(
        "select t.id::text,
                format('tenant %s is active and has no live API key', t.id),
                false
         from tenantry.tenants t
         where t.state = 'active'
           and exists (
               select from tenantry.operation_items i where i.tenant_id = t.id and i.state = 'succeeded')
           and not exists (
               select from tenantry.api_keys k
               where k.tenant_id = t.id and (k.revoked_at is null or k.revoked_at >= t.activated_at))"
    ),
};
