drop index tenantry.audit_log_by_time, tenantry.audit_log_by_tenant, tenantry.audit_log_by_operation,
    tenantry.audit_log_by_actor, tenantry.audit_log_by_action, tenantry.audit_log_by_actor_and_action;
create index audit_log_by_tenant on tenantry.audit_log (tenant_id, id) where tenant_id is not null;
create index audit_log_by_operation on tenantry.audit_log (operation_id, id) where operation_id is not null;
