-- Gives the owner of schema tenantry the advisory locks that the queue takes and PUBLIC has lost.
-- For a superuser. Writes nothing when all is in place.
do {tag}
declare
    owner text := (select pg_get_userbyid(nspowner) from pg_catalog.pg_namespace where nspname = 'tenantry');
    taker regprocedure;
begin
    for taker in
        select p.oid from pg_catalog.pg_proc p
        where p.pronamespace = 'pg_catalog'::regnamespace and p.proname ~ '^pg_(try_)?advisory_'
            and not has_function_privilege(owner, p.oid, 'execute')
    loop
        execute format('grant execute on function %s to %I', taker, owner);
    end loop;
end
{tag}
