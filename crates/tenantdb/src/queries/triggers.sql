array(
    select concat_ws(' ', t.tgname || e'\t' || pg_get_triggerdef(t.oid),
        case t.tgenabled when 'D' then 'disabled' when 'R' then 'on replicas' when 'A' then 'always' end)
    from pg_trigger t where c.relhastriggers and t.tgrelid = c.oid and not t.tgisinternal
    union
    -- those behind a constraint are told when it is not held
    select concat_ws(' ', 'of ' || k.conname || e'\t', t.tgenabled)
    from pg_trigger t join pg_constraint k on k.oid = t.tgconstraint
    where c.relhastriggers and t.tgrelid = c.oid and t.tgisinternal and t.tgenabled <> 'O')
