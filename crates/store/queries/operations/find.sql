-- One row by its key, and the culprit's: nothing here grows with the operation. Totals of an earlier
-- run are none.
select
    b.kind,
    b.params,
    b.state,
    b.mode,
    b.run,
    b.total,
    b.created_at,
    b.started_at,
    b.finished_at,
    b.run_at,
    (b.paused_at is not null and b.finished_at is null) as "paused!",
    b.wave,
    b.promote_all,
    case when b.finished_at is null then b.pause_reasons else '{}' end as "reasons!",
    b.culprit_idx,
    culprit.error_code as "culprit_code?",
    culprit.error_message as "culprit_message?",
    (extract(epoch from coalesce(b.finished_at, clock_timestamp())
        - coalesce(b.started_at, b.created_at)) * 1000)::bigint as "elapsed_ms!",
    (b.finished_at is not null and b.totals_run is not distinct from b.run) as "has_totals!",
    b.total_succeeded,
    b.total_failed,
    b.total_cancelled,
    b.total_rolled_back,
    b.total_ended_in_run
from tenantry.operations b
left join tenantry.operation_items culprit on culprit.operation_id = b.id and culprit.idx = b.culprit_idx
where b.id = $1
