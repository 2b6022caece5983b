-- What an import changes, or a later repair may change, in a schema: its comment; who owns what; and every right that
-- somebody has who does not own the object. {schema_text} is a string constant with the quoted name.
select jsonb_build_object('comment', s.description, 'rights', coalesce((
    select jsonb_agg(jsonb_build_array(o.target, o.part, x.privilege, x.grantee, x.grantable, o.later,
                                       pg_get_userbyid(o.owner)::text)
                     order by o.target, o.part, x.privilege, x.grantee)
    from (
        select 'schema ' || quote_ident(s.nspname), '', s.nspacl, s.nspowner, false
        union all
        select case when c.relkind = 'S' then 'sequence ' else 'table ' end || c.oid::regclass, '', c.relacl,
            c.relowner, false
        from pg_catalog.pg_depend d
        join pg_catalog.pg_class c on c.oid = d.objid and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
        where d.refclassid = 'pg_namespace'::regclass and d.refobjid = s.oid and d.deptype = 'n'
            and d.classid = 'pg_class'::regclass
        union all
        select 'table ' || c.oid::regclass, format(' (%I)', a.attname), a.attacl, c.relowner, false
        from pg_catalog.pg_depend d
        join pg_catalog.pg_class c on c.oid = d.objid and c.relkind in ('r', 'p', 'v', 'm', 'f')
        join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and a.attacl is not null
            and not a.attisdropped
        where d.refclassid = 'pg_namespace'::regclass and d.refobjid = s.oid and d.deptype = 'n'
            and d.classid = 'pg_class'::regclass
        union all
        select 'routine ' || p.oid::regprocedure, '', coalesce(p.proacl, acldefault('f', p.proowner)), p.proowner, false
        from pg_catalog.pg_depend d
        join pg_catalog.pg_proc p on p.oid = d.objid
        where d.refclassid = 'pg_namespace'::regclass and d.refobjid = s.oid and d.deptype = 'n'
            and d.classid = 'pg_proc'::regclass
        union all
        select case t.typtype when 'd' then 'domain ' else 'type ' end || t.oid::regtype, '',
            coalesce(t.typacl, acldefault('T', t.typowner)), t.typowner, false
        from pg_catalog.pg_depend d
        join pg_catalog.pg_type t on t.oid = d.objid
        where d.refclassid = 'pg_namespace'::regclass and d.refobjid = s.oid and d.deptype = 'n'
            and d.classid = 'pg_type'::regclass
        union all
        select case a.defaclobjtype when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types'
                else 'tables' end, '', a.defaclacl, a.defaclrole, true
        from pg_catalog.pg_depend d
        join pg_catalog.pg_default_acl a on a.oid = d.objid
        where d.refclassid = 'pg_namespace'::regclass and d.refobjid = s.oid and d.deptype = 'a'
            and d.classid = 'pg_default_acl'::regclass
    ) o (target, part, acl, owner, later)
    cross join lateral (
        select a.privilege_type::text, case a.grantee when 0 then '' else pg_get_userbyid(a.grantee)::text end,
            a.is_grantable
        from pg_catalog.aclexplode(o.acl) a where a.grantee <> o.owner
        union all
        select 'OWNER', pg_get_userbyid(o.owner)::text, false where o.part = '' and not o.later
    ) x (privilege, grantee, grantable)), '[]'))
from (select n.oid, n.nspname, n.nspacl, n.nspowner, d.description
      from pg_catalog.pg_namespace n
      left join pg_catalog.pg_description d on d.objoid = n.oid and d.objsubid = 0
          and d.classoid = 'pg_namespace'::regclass
      where n.oid = to_regnamespace({schema_text})) s
