-- For each tenant: $1 role, $2 the tenants' group, quoted, $3 its schema; $4 what follows
-- the schema in the search path. Then the objects, each with the number of its tenant, from 1, and the schema,
-- as the grants name it: $5, $6 tables, $7, $8 sequences, $9, $10 routines. Each object is found by its name, once.
with tenant as (
    select t.n, t.tenants, t.schema, r.oid as role, r.rolconfig
    from unnest($1::text[], $2::text[], $3::text[]) with ordinality as t (role, tenants, schema, n)
    -- the OFFSETs: by its name, and not in a hash of all there are
    left join lateral (select a.oid, a.rolconfig from pg_catalog.pg_roles a where a.rolname = t.role offset 0) r on true
), found as materialized (
    select n, 'table' as kind, to_regclass(name)::oid as object from unnest($5::bigint[], $6::text[]) as o (n, name)
    union all
    select n, 'sequence', to_regclass(name)::oid from unnest($7::bigint[], $8::text[]) as o (n, name)
    union all
    select n, 'routine', to_regprocedure(name)::oid from unnest($9::bigint[], $10::text[]) as o (n, name)
), lacking as (
    select t.n
    from found o join tenant t using (n)
    where not coalesce(case o.kind
        when 'table' then
            has_table_privilege(t.role, o.object, 'select') and has_table_privilege(t.role, o.object, 'insert')
            and has_table_privilege(t.role, o.object, 'update') and has_table_privilege(t.role, o.object, 'delete')
        when 'sequence' then
            has_sequence_privilege(t.role, o.object, 'usage') and has_sequence_privilege(t.role, o.object, 'select')
        else
            has_function_privilege(t.role, o.object, 'execute')
            and not has_function_privilege('public', o.object, 'execute')
        end, false)
)
select coalesce(pg_has_role(t.role, to_regrole(t.tenants)::oid, 'member'), false)
           and t.n not in (select n from lacking) as rights,
       exists (select from pg_catalog.pg_description d
               where d.objoid = to_regnamespace(quote_ident(t.schema)) and d.objsubid = 0
                   and d.classoid = 'pg_catalog.pg_namespace'::regclass and d.description ~ '^tenantry:.*:imported$'
               offset 0) as imported,
       coalesce(t.rolconfig, '{}') @> array[format('search_path=%I, %s', t.schema, $4::text)] as path
from tenant t
order by t.n
