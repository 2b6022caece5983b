-- A row for each right in the schema that is not as it was given to the tenant's role: who has it, the
-- right, the object, and the statement that puts it right. OWNER: the object does not belong to the
-- schema's owner. LACKS before a right: the role does not have it.
select 'grant', s.n,
    case x.grantee when 0 then 'PUBLIC' when s.role then 'the role' else x.grantee::regrole::text end,
    x.privilege_type || case when x.is_grantable then ' with grant option' else '' end,
    o.object,
    case
        when x.privilege_type = 'OWNER' then format('alter %s owner to %s', o.target, n.nspowner::regrole)
        when x.lacks then format('grant %s on %s to %s', substr(x.privilege_type, 7), o.target, s.role::regrole)
        when o.later then format('alter default privileges for role %s in schema %s revoke %s on %s from %s cascade',
            o.owner::regrole, n.oid::regnamespace, x.privilege_type, o.target,
            case x.grantee when 0 then 'public' else x.grantee::regrole::text end)
        else format('revoke %s%s on %s from %s cascade', x.privilege_type, o.part, o.target,
            case x.grantee when 0 then 'public' else x.grantee::regrole::text end)
    end
from {subjects}
join pg_namespace n on n.oid = s.schema
cross join lateral (
    -- the role's right to create is a rule of its own
    select 'the schema', n.nspacl, n.nspowner, '{USAGE,CREATE}'::text[], false, '', 'schema ' || n.oid::regnamespace, false
    union all
    select k.noun || ' ' || c.relname, c.relacl, c.relowner,
        case when c.relkind = 'S' then '{USAGE,SELECT}'::text[] else '{SELECT,INSERT,UPDATE,DELETE}' end,
        true, '', case when c.relkind = 'S' then 'sequence ' else 'table ' end || c.oid::regclass, false
    from pg_depend d
    join pg_class c on c.oid = d.objid and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    cross join lateral (select case c.relkind when 'S' then 'sequence' when 'v' then 'view'
        when 'm' then 'materialized view' when 'f' then 'foreign table' else 'table' end) k (noun)
    where d.refclassid = 'pg_namespace'::regclass and d.refobjid = s.schema and d.deptype = 'n'
        and d.classid = 'pg_class'::regclass
    union all
    select format('column %s.%s', c.relname, a.attname), a.attacl, c.relowner, '{}', false,
        format(' (%I)', a.attname), 'table ' || c.oid::regclass, false
    from pg_depend d
    join pg_class c on c.oid = d.objid and c.relkind in ('r', 'p', 'v', 'm', 'f')
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and a.attacl is not null and not a.attisdropped
    where d.refclassid = 'pg_namespace'::regclass and d.refobjid = s.schema and d.deptype = 'n'
        and d.classid = 'pg_class'::regclass
    union all
    select 'function ' || p.oid::regprocedure, coalesce(p.proacl, acldefault('f', p.proowner)), p.proowner,
        '{EXECUTE}', true, '', 'routine ' || p.oid::regprocedure, false
    from pg_depend d
    join pg_proc p on p.oid = d.objid
    where d.refclassid = 'pg_namespace'::regclass and d.refobjid = s.schema and d.deptype = 'n'
        and d.classid = 'pg_proc'::regclass
    union all
    -- PUBLIC may use every type: its schema is the door
    select 'type ' || t.oid::regtype, t.typacl, t.typowner, null, false, '',
        case t.typtype when 'd' then 'domain ' else 'type ' end || t.oid::regtype, false
    from pg_depend d
    join pg_type t on t.oid = d.objid and t.typacl is not null
    where d.refclassid = 'pg_namespace'::regclass and d.refobjid = s.schema and d.deptype = 'n'
        and d.classid = 'pg_type'::regclass
    union all
    select 'later ' || k.noun, a.defaclacl, a.defaclrole, k.given, false, '', k.noun, true
    from pg_depend d
    join pg_default_acl a on a.oid = d.objid
    cross join lateral (select case a.defaclobjtype when 'S' then 'sequences' when 'f' then 'functions'
            when 'T' then 'types' else 'tables' end,
        case a.defaclobjtype when 'S' then '{USAGE,SELECT}'::text[] when 'f' then '{EXECUTE}'
            when 'r' then '{SELECT,INSERT,UPDATE,DELETE}' end) k (noun, given)
    where d.refclassid = 'pg_namespace'::regclass and d.refobjid = s.schema and d.deptype = 'a'
        and d.classid = 'pg_default_acl'::regclass
) o (object, acl, owner, given, needed, part, target, later)
cross join lateral (
    select grantee, privilege_type, is_grantable, false from aclexplode(o.acl)
    union all
    select o.owner, 'OWNER', false, false where o.owner <> n.nspowner and not o.later
    union all
    select s.role, 'LACKS ' || g.needs, false, true
    from unnest(o.given) g (needs)
    where o.needed and s.role is not null and not exists (select from aclexplode(o.acl) y
        where y.grantee = s.role and y.privilege_type = g.needs)
) x (grantee, privilege_type, is_grantable, lacks)
where (x.grantee <> o.owner or x.privilege_type = 'OWNER')
    and not (x.grantee = 0 and o.given is null)
    and not coalesce(x.grantee = s.role and not x.is_grantable and x.privilege_type = any(o.given), false)
