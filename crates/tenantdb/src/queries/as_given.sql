-- A row for each schema in which a right may not be as it was given to the tenant's role, to be read by
-- `grants.sql`. Most have what we gave to the letter, and comparing that is cheap.
select distinct 'unusual', s.n
from (
    -- the OFFSET: once a schema, not once an object
    select s.n, s.schema, n.nspowner, n.nspacl, i.role is null,
        acldefault('n', n.nspowner) || format('%s=U/%s', i.role, i.owner)::aclitem,
        acldefault('r', n.nspowner) || format('%s=arwd/%s', i.role, i.owner)::aclitem,
        acldefault('s', n.nspowner) || format('%s=rU/%s', i.role, i.owner)::aclitem,
        array[format('%s=X/%s', i.owner, i.owner), format('%s=X/%s', i.role, i.owner)]::aclitem[],
        array[format('%s=arwd/%s', i.role, i.owner)]::aclitem[],
        array[format('%s=rU/%s', i.role, i.owner)]::aclitem[],
        array[format('%s=X/%s', i.role, i.owner)]::aclitem[]
    from {subjects}
    cross join lateral (select a.nspowner, a.nspacl from pg_namespace a where a.oid = s.schema offset 0) n
    cross join lateral (select s.role::regrole, n.nspowner::regrole) i (role, owner)
    offset 0
) s (n, schema, owner, acl, no_role, on_schema, on_table, on_sequence, on_function,
    on_tables, on_sequences, on_functions)
left join pg_depend d on d.refclassid = 'pg_namespace'::regclass and d.refobjid = s.schema
    and d.deptype in ('n', 'a') and not s.no_role
where s.no_role or s.acl is distinct from s.on_schema
    or case d.classid
        when 'pg_class'::regclass then exists (
            select from pg_class c where c.oid = d.objid and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
                and (c.relowner <> s.owner
                    or c.relacl is distinct from case when c.relkind = 'S' then s.on_sequence else s.on_table end
                    or exists (select from pg_attribute a
                        where a.attrelid = c.oid and a.attnum > 0 and a.attacl is not null)))
        when 'pg_proc'::regclass then exists (
            select from pg_proc p where p.oid = d.objid
                and (p.proowner <> s.owner or p.proacl is distinct from s.on_function))
        when 'pg_type'::regclass then exists (
            select from pg_type t where t.oid = d.objid and t.typacl is not null)
        when 'pg_default_acl'::regclass then exists (
            select from pg_default_acl a where a.oid = d.objid
                and (a.defaclrole <> s.owner or a.defaclacl is distinct from case a.defaclobjtype
                    when 'r' then s.on_tables when 'S' then s.on_sequences when 'f' then s.on_functions end))
    end
