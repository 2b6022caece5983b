select 'definition', 'function ' || p.oid::regprocedure,
    concat_ws(' ', p.prokind, p.provolatile, p.prosecdef, p.proisstrict, p.prolang, p.proconfig,
        pg_get_function_result(p.oid), coalesce(pg_get_function_sqlbody(p.oid), p.prosrc))
from pg_depend d
join pg_proc p on p.oid = d.objid
where d.refclassid = 'pg_namespace'::regclass and d.refobjid = {schema} and d.deptype = 'n'
    and d.classid = 'pg_proc'::regclass
