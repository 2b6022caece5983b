array(
    select concat_ws(' ', r.rulename || e'\t' || pg_get_ruledef(r.oid),
        case when r.ev_enabled <> 'O' then r.ev_enabled end)
    from pg_rewrite r where c.relhasrules and c.relkind in ('r', 'p') and r.ev_class = c.oid)
