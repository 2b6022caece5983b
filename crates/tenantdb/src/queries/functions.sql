select 'definition', s.n, 'function ' || p.oid::regprocedure,
    concat_ws(' ', case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' when 'w' then 'window' end,
        '(' || pg_get_function_arguments(p.oid) || ')', 'returns ' || pg_get_function_result(p.oid),
        'language ' || (select l.lanname from pg_language l where l.oid = p.prolang),
        case p.provolatile when 'i' then 'immutable' when 's' then 'stable' end,
        case when p.prosecdef then 'security definer' end, case when p.proisstrict then 'strict' end,
        case when p.proleakproof then 'leakproof' end,
        case p.proparallel when 's' then 'parallel safe' when 'r' then 'parallel restricted' end,
        'cost ' || p.procost, 'rows ' || nullif(p.prorows, 0), 'set ' || p.proconfig::text,
        coalesce(pg_get_function_sqlbody(p.oid), p.prosrc))
from {subjects}
join pg_depend d on d.refclassid = 'pg_namespace'::regclass and d.refobjid = s.schema
join pg_proc p on p.oid = d.objid
where d.deptype = 'n' and d.classid = 'pg_proc'::regclass
