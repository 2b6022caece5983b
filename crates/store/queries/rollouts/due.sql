-- By an index of waves that move: as many rows as rollouts are under way.
select o.id
from tenantry.rollout_waves w
join tenantry.operations o on o.id = w.operation_id and o.wave = w.wave
where w.state in ('running', 'baking')
  and o.finished_at is null and o.run_at is null and o.state in ('queued', 'running')
  and not 'user' = any(o.pause_reasons)
  and not exists (select from tenantry.installation where paused_at is not null)
  and case w.state
      when 'baking' then w.bake_until <= clock_timestamp()
      else not exists (
          select from tenantry.operation_items i
          where i.operation_id = w.operation_id and i.wave = w.wave
            and i.state in ('queued', 'waiting', 'running', 'retrying', 'unwinding')) end
limit 100
