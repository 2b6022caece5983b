-- The steps stay in the record, so that the results can tell what was done and undone. A stage that another
-- database's ledger told of has none.
update tenantry.checkpoints
set undone_at = clock_timestamp(),
    steps = coalesce((select jsonb_agg(step || '{"state": "undone"}'::jsonb order by n)
                      from jsonb_array_elements(steps) with ordinality as list(step, n)), '[]')
where item_id = $1 and stage = $2 and undone_at is null
