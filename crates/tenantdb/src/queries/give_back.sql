-- Gives a schema back what `imported.sql` found in it and is no longer there. What was dropped since stays dropped, and
-- a role that is gone gets nothing. In braces stand that answer, as text, and that query.
do {tag}
declare
    found jsonb := {found};
    now jsonb;
    target text;
    part text;
    privilege text;
    grantee text;
    grantable boolean;
    later boolean;
    owner text;
    who text;
    path text := current_setting('search_path');
begin
    perform set_config('search_path', 'pg_catalog', true);
    now := ({now});
    for target, part, privilege, grantee, grantable, later, owner in
        select f ->> 0, f ->> 1, f ->> 2, f ->> 3, (f ->> 4)::boolean, (f ->> 5)::boolean, f ->> 6
        from jsonb_array_elements(found -> 'rights') with ordinality as r (f, place)
        where not exists (select from jsonb_array_elements(now -> 'rights') as n (n) where n = f)
          and (f ->> 3 = '' or to_regrole(quote_ident(f ->> 3)) is not null)
          and ((f ->> 5)::boolean or exists (select from jsonb_array_elements(now -> 'rights') as n (n)
                                             where n ->> 0 = f ->> 0 and n ->> 2 = 'OWNER'))
        -- who owns an object may give rights on it; a table's sequence follows the table
        order by f ->> 2 <> 'OWNER', starts_with(f ->> 0, 'sequence '), r.place
    loop
        who := case grantee when '' then 'public' else quote_ident(grantee) end
            || case when grantable then ' with grant option' else '' end;
        if privilege = 'OWNER' then
            -- unless it has followed its table by now
            if exists (select from jsonb_array_elements(({now}) -> 'rights') as n (n)
                       where n ->> 0 = target and n ->> 2 = 'OWNER' and n ->> 3 <> grantee) then
                execute format('alter %s owner to %I', target, grantee);
            end if;
        elsif later then
            execute format('alter default privileges for role %I in schema %s grant %s on %s to %s', owner,
                           {schema_text}, privilege, target, who);
        else
            execute format('grant %s%s on %s to %s', privilege, part, target, who);
        end if;
    end loop;
    {comment}
    perform set_config('search_path', path, true);
end
{tag}
