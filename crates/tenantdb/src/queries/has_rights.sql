-- For each tenant: $1 role, $2 the tenants' group, quoted, $3 its schema; $4 what follows
-- the schema in the search path. Then the objects, each with the number of its tenant, from 1, and the schema,
-- as the grants name it: $5, $6 tables, $7, $8 sequences, $9, $10 routines. Each object is found by its name.
select coalesce(
           pg_has_role(r.oid, to_regrole(t.tenants)::oid, 'member')
           and not exists (
               select from unnest($5::bigint[], $6::text[]) as o (n, name),
                   unnest('{select, insert, update, delete}'::text[]) as privilege
               where o.n = t.n
                 and not coalesce(has_table_privilege(r.oid, to_regclass(o.name)::oid, privilege), false))
           and not exists (
               select from unnest($7::bigint[], $8::text[]) as o (n, name),
                   unnest('{usage, select}'::text[]) as privilege
               where o.n = t.n
                 and not coalesce(has_sequence_privilege(r.oid, to_regclass(o.name)::oid, privilege), false))
           and not exists (
               select from unnest($9::bigint[], $10::text[]) as o (n, name)
               where o.n = t.n
                 and not coalesce(has_function_privilege(r.oid, to_regprocedure(o.name)::oid, 'execute')
                         and not has_function_privilege('public', to_regprocedure(o.name)::oid, 'execute'),
                         false)),
           false) as rights,
       exists (select from pg_catalog.pg_description d
               where d.objoid = to_regnamespace(quote_ident(t.schema)) and d.objsubid = 0
                   and d.classoid = 'pg_catalog.pg_namespace'::regclass and d.description ~ '^tenantry:.*:imported$'
               offset 0) as imported,
       coalesce(r.rolconfig, '{}') @> array[format('search_path=%I, %s', t.schema, $4::text)] as path
from unnest($1::text[], $2::text[], $3::text[]) with ordinality as t (role, tenants, schema, n)
-- the OFFSETs: each by its key, and not in a hash of all there are
left join lateral (
    select a.oid, a.rolconfig from pg_catalog.pg_roles a where a.rolname = t.role offset 0) r on true
order by t.n
