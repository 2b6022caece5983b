-- Whatever else is in the schema, by kind and name.
select 'object', i.type || ' ' || i.identity
from pg_depend d, pg_identify_object(d.classid, d.objid, d.objsubid) i
where d.refclassid = 'pg_namespace'::regclass and d.refobjid = {schema} and d.deptype = 'n'
    and d.classid <> 'pg_class'::regclass
