//! Keys that would let somebody in who is no tenant any more.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::KeyWithoutTenant,
    subject: Subject::key,
    sql: finds!(
        "select k.id::text,
                format('API key %s is live and tenant %s is %s', k.id, t.id, t.state),
                true
         from tenantry.api_keys k
         join tenantry.tenants t on t.id = k.tenant_id
         where k.revoked_at is null and t.state in ('deleted', 'released')"
    ),
};
