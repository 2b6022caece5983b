//! Default privileges of the owner that open every new tenant's schema to others: no tenant can be made
//! then, as none would be as promised.

use crate::{
    Kind, Subject,
    check::{Check, finds},
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::DefaultRights,
    subject: Subject::role,
    // what PUBLIC may do with functions is taken back of each, and types it may use behind the schema's
    // door; what a tenant's role gets is told with the tenant
    sql: finds!(
        "select x.grantee,
                format('%s has by default %s that %s makes, so no tenant that has such can be made; run: %s', x.grantee,
                       string_agg(format('%s on %s', x.rights, x.objects), ' and ' order by x.objects), x.owner,
                       string_agg(format('alter default privileges for role %s revoke %s on %s from %s',
                                         x.owner, x.rights, x.objects,
                                         case x.grantee when 'PUBLIC' then 'public' else x.grantee end),
                                  '; ' order by x.objects)),
                false
         from (
             select case a.grantee when 0 then 'PUBLIC' else a.grantee::regrole::text end as grantee,
                    d.defaclrole::regrole::text as owner, k.objects,
                    string_agg(a.privilege_type, ', ') as rights
             from pg_catalog.pg_namespace n
             join pg_catalog.pg_default_acl d on d.defaclrole = n.nspowner and d.defaclnamespace = 0
             join (values ('r', 'tables'), ('S', 'sequences'), ('f', 'functions'), ('T', 'types'), ('n', 'schemas'))
                 k (kind, objects) on k.kind = d.defaclobjtype::text
             cross join lateral pg_catalog.aclexplode(d.defaclacl) a
             cross join scope s
             where n.nspname = 'tenantry' and a.grantee <> d.defaclrole
               and not (a.grantee = 0 and d.defaclobjtype in ('f', 'T'))
               and a.grantee::regrole::text !~ ('^tn_' || s.installation || '_[0-9]+$')
             group by 1, 2, 3
         ) x
         group by x.grantee, x.owner"
    ),
};
