//! Tenants whose columns contradict each other.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::TenantInWrongState,
    subject: Subject::tenant,
    sql: finds!(
        "select t.id::text, format('tenant %s is %s and %s', t.id, t.state, fault.sentence), false
         from tenantry.tenants t
         cross join lateral (select concat_ws(' and ',
             case when jsonb_typeof(t.settings) <> 'object'
                  then format('its settings are not an object but of type %s', jsonb_typeof(t.settings)) end,
             case when t.state in ('active', 'suspended') and t.activated_at is null
                  then 'was never activated' end
         )) as fault (sentence)
         where fault.sentence <> ''"
    ),
};
