//! More keys than there should be: provisioning makes one, and while a key is rolled there are two.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::SeveralLiveKeys,
    subject: Subject::tenant,
    sql: finds!(
        "select live.tenant_id::text,
                format('tenant %s has %s live API keys, %s of them from provisioning',
                       live.tenant_id, live.keys, live.provisioned),
                false
         from (
             select k.tenant_id, count(*) as keys, count(k.operation_id) as provisioned
             from tenantry.api_keys k
             where k.revoked_at is null and (k.expires_at is null or k.expires_at > now())
             group by k.tenant_id
         ) as live
         where live.provisioned > 1 or live.keys > 2"
    ),
};
