do $$ begin
    if exists (select from tenantry.spares) then
        raise exception 'there are spare tenants: have a worker run with pool.size = 0, which removes them';
    end if;
end $$;
drop table tenantry.spares;
