-- Forgets every tenant, batch, key and audit row. The schemas and roles of tenants stay as they are.
drop table tenantry.audit_log, tenantry.outbox, tenantry.idempotency_keys, tenantry.api_keys,
    tenantry.checkpoints, tenantry.batch_items, tenantry.workers, tenantry.batches,
    tenantry.tenants, tenantry.operator_tokens, tenantry.installation;
drop function tenantry.audit_is_append_only();
