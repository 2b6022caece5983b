array(
    select concat_ws(' ', r.rulename || e'\t' || pg_get_ruledef(r.oid), r.ev_enabled)
    from pg_rewrite r where c.relhasrules and c.relkind in ('r', 'p') and r.ev_class = c.oid)
