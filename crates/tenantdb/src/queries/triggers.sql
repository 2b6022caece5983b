array(
    select concat_ws(' ', t.tgname || e'\t' || pg_get_triggerdef(t.oid), t.tgenabled)
    from pg_trigger t where c.relhastriggers and t.tgrelid = c.oid and not t.tgisinternal)
