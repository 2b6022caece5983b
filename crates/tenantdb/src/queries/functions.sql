select 'definition', s.n, 'function ' || p.oid::regprocedure,
    concat_ws(' ', p.prokind, p.provolatile, p.prosecdef, p.proisstrict, p.prolang, p.proconfig,
        pg_get_function_result(p.oid), coalesce(pg_get_function_sqlbody(p.oid), p.prosrc))
from {subjects}
join pg_depend d on d.refclassid = 'pg_namespace'::regclass and d.refobjid = s.schema
join pg_proc p on p.oid = d.objid
where d.deptype = 'n' and d.classid = 'pg_proc'::regclass
