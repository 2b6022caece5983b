//! Secrets that are gone although nobody confirmed them, and their time is not over.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::SecretErasedEarly,
    subject: Subject::key,
    sql: finds!(
        // How long secrets are kept is a setting of the workers: as long as any that is kept still, and
        // an hour at least.
        "select k.id::text,
                format('the secret of API key %s of tenant %s was erased before anybody confirmed it',
                       k.id, k.tenant_id),
                false
         from tenantry.api_keys k
         where k.sealed is null and k.operation_id is not null and k.revoked_at is null
           and k.created_at > now() - (
               select coalesce(min(o.sealed_until - o.created_at), interval '1 hour')
               from tenantry.api_keys o where o.sealed is not null and o.sealed_until > now())
           and not exists (select from tenantry.audit_log a
                           where a.operation_id = k.operation_id and a.action like 'keys.%'
                             and a.action <> 'keys.revealed')"
    ),
};
