alter table tenantry.batches
    drop constraint batches_totals_together,
    drop column totals_run,
    drop column total_succeeded,
    drop column total_failed,
    drop column total_cancelled,
    drop column total_rolled_back,
    drop column total_ended_in_run;
