-- The steps stay in the record, so that the results can tell what was done and undone.
update tenantry.checkpoints
set undone_at = clock_timestamp(),
    steps = (select jsonb_agg(step || '{"state": "undone"}'::jsonb order by n)
             from jsonb_array_elements(steps) with ordinality as list(step, n))
where item_id = $1 and stage = $2 and undone_at is null
