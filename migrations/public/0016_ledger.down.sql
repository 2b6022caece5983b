-- Makes the version tables again, all in this transaction: each takes four places in the server's table
-- of locks.
do $$
declare
    t record;
    numeric_version constant text := '^[0-9]+([._][0-9]+)*$';
    zeros constant text := '(^|[._])0+';
begin
    for t in
        select n.schema_name, n.role_name, m.applied_at,
            s.versions[:p.place] as versions, s.descriptions[:p.place] as descriptions,
            s.checksums[:p.place] as checksums
        from tenantry.tenant_migrations m
        join tenantry.tenants n on n.id = m.tenant_id and n.state not in ('deleted', 'released')
        join tenantry.migration_sets s on s.hash = m.set_hash
        -- 0001 is the same version as 1, and the set has the spelling of whoever registered it first
        cross join lateral (
            select coalesce(min(u.place), 0)::int
            from unnest(s.versions) with ordinality u (version, place)
            where u.version = m.version
                or u.version ~ numeric_version and m.version ~ numeric_version
                    and regexp_replace(u.version, zeros, '\1', 'g')
                        = regexp_replace(m.version, zeros, '\1', 'g')
        ) p (place)
        where to_regnamespace(quote_ident(n.schema_name)) is not null
    loop
        execute format('create table %I.tenantry_migrations (version varchar(100) primary key,
            description varchar(200) not null, checksum varchar(96) not null,
            applied_at timestamptz not null default now())', t.schema_name);
        execute format('insert into %I.tenantry_migrations
            select u.version, left(u.description, 200), u.checksum, $4
            from unnest($1, $2, $3) u (version, description, checksum)', t.schema_name)
            using t.versions, t.descriptions, t.checksums, t.applied_at;
        if to_regrole(quote_ident(t.role_name)) is not null then
            execute format('revoke all on %I.tenantry_migrations from %I', t.schema_name, t.role_name);
            execute format('grant select on %I.tenantry_migrations to %I', t.schema_name, t.role_name);
        end if;
    end loop;
end
$$;

update tenantry.tenants t set migration_version = m.version
from tenantry.tenant_migrations m
where m.tenant_id = t.id and t.state = 'active';

drop table tenantry.tenant_migrations;
drop table tenantry.migration_sets;

-- What a set makes is learnt again, with the version table.
delete from tenantry.promises;
