array(
    select concat_ws(' ', p.polname || e'\t' || p.polcmd::text, p.polpermissive,
        pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
    from pg_policy p where c.relkind in ('r', 'p') and p.polrelid = c.oid)
