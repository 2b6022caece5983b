-- One block. {extensions} is a text[] of names that queries/shared_lacking.sql has nothing against. Writes
-- nothing when all are there.
do $tenantry$
declare
    me text := current_user;
    super boolean := (select r.rolsuper from pg_catalog.pg_roles r where r.rolname = session_user);
    name text;
    fixed text;
    trusted boolean;
begin
    if to_regnamespace('tenantry_extensions') is null then
        create schema tenantry_extensions;
        comment on schema tenantry_extensions is
            'extensions that all tenants use; `tenantry migrate public up` creates those that the settings list';
    elsif super and not pg_has_role(me, (select n.nspowner from pg_catalog.pg_namespace n
                                         where n.nspname = 'tenantry_extensions'), 'usage') then
        perform set_config('role', 'none', true);
        execute format('alter schema tenantry_extensions owner to %I', me);
        perform set_config('role', me, true);
    end if;
    for name, fixed, trusted in
        select v.name, v.schema, v.trusted
        from unnest({extensions}) with ordinality x (name, n)
        join pg_catalog.pg_available_extensions a on a.name = x.name
        join pg_catalog.pg_available_extension_versions v
            on v.name = a.name and v.version = a.default_version
        order by x.n
    loop
        continue when exists (select from pg_catalog.pg_extension e where e.extname = name);
        if super and not trusted then
            perform set_config('role', 'none', true);
        end if;
        execute format('create extension if not exists %I%s cascade', name,
            case when fixed is null then ' schema tenantry_extensions' else '' end);
        perform set_config('role', me, true);
    end loop;
end
$tenantry$
