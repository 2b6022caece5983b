//! Secrets that should have been erased.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::SealedPastItsTime,
    subject: Subject::key,
    sql: finds!(
        "select k.id::text,
                format('the secret of API key %s of tenant %s was to be erased at %s',
                       k.id, k.tenant_id, to_char(k.sealed_until, 'YYYY-MM-DD HH24:MI:SS TZ')),
                true
         from tenantry.api_keys k
         cross join scope s
         where k.sealed is not null and k.sealed_until < s.settled_before"
    ),
};
