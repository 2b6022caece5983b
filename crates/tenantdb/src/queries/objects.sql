-- Whatever else is in the schema, by kind and name.
select 'object', s.n, i.type || ' ' || i.identity,
    case d.classid when 'pg_statistic_ext'::regclass then pg_get_statisticsobjdef(d.objid) end
from {subjects}
join pg_depend d on d.refclassid = 'pg_namespace'::regclass and d.refobjid = s.schema,
    pg_identify_object(d.classid, d.objid, d.objsubid) i
where d.deptype = 'n' and d.classid <> 'pg_class'::regclass
