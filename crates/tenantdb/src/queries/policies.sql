array(
    select concat_ws(' ', p.polname || e'\t', 'for ' || case p.polcmd when 'r' then 'select' when 'a' then 'insert'
            when 'w' then 'update' when 'd' then 'delete' else 'all' end,
        case when not p.polpermissive then 'restrictive' end,
        'to ' || (select string_agg(case r when 0 then 'public' else r::regrole::text end, ', ' order by r)
            from unnest(p.polroles) r),
        'using ' || pg_get_expr(p.polqual, p.polrelid), 'with check ' || pg_get_expr(p.polwithcheck, p.polrelid))
    from pg_policy p where c.relkind in ('r', 'p') and p.polrelid = c.oid)
