-- Gives tenants again what they may do with objects that the owner of their schema makes later:
-- `reassign owned` leaves that behind. {roles} and {marks} are string constants that roles' names and
-- schemas' marks begin with, {data} is a list of rights. Writes nothing when all is in place.
do {tag}
declare
    later constant text := 'alter default privileges for role %I in schema %I grant %s to %I';
    schema_name text;
    owner text;
    tenant text;
begin
    for schema_name, owner, tenant in
        select n.nspname, pg_get_userbyid(n.nspowner), r.rolname
        from pg_catalog.pg_namespace n
        join pg_catalog.pg_description d on d.objoid = n.oid and d.objsubid = 0
            and d.classoid = 'pg_catalog.pg_namespace'::regclass
        join pg_catalog.pg_roles r on r.rolname = {roles} || substr(d.description, length({marks}) + 1)
        where starts_with(d.description, {marks}) and pg_has_role(n.nspowner, 'usage')
            and not exists (select from pg_catalog.pg_default_acl a
                            where a.defaclnamespace = n.oid and a.defaclrole = n.nspowner)
    loop
        execute format(later, owner, schema_name, '{data} on tables', tenant);
        execute format(later, owner, schema_name, 'usage, select on sequences', tenant);
        execute format(later, owner, schema_name, 'execute on functions', tenant);
    end loop;
end
{tag}
