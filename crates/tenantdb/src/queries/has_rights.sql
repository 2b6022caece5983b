-- $1 role, $2 its schema, quoted, $3 tables, $4 sequences and $5 routines with the schema, as the grants name
-- them, $6 the tenants' group, quoted, $7 the schema and $8 what follows it in the search path. Each object is
-- found by its name.
select coalesce(
           has_schema_privilege(r.oid, to_regnamespace($2)::oid, 'usage')
           and pg_has_role(r.oid, to_regrole($6)::oid, 'member')
           and not exists (
               select from unnest($3::text[]) as name, unnest('{select, insert, update, delete}'::text[]) as privilege
               where not coalesce(has_table_privilege(r.oid, to_regclass(name)::oid, privilege), false))
           and not exists (
               select from unnest($4::text[]) as name, unnest('{usage, select}'::text[]) as privilege
               where not coalesce(has_sequence_privilege(r.oid, to_regclass(name)::oid, privilege), false))
           and not exists (
               select from unnest($5::text[]) as name
               where not coalesce(has_function_privilege(r.oid, to_regprocedure(name)::oid, 'execute')
                                  and not has_function_privilege('public', to_regprocedure(name)::oid, 'execute'),
                                  false)),
           false) as rights,
       coalesce(r.rolconfig, '{}') @> array[format('search_path=%I, %s', $7::text, $8::text)] as path
from pg_catalog.pg_roles r
where r.rolname = $1
