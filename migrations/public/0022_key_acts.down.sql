-- The release before knows operations alone: a request that issued an API key can be sent twice again.
delete from tenantry.idempotency_keys where operation_id is null;
alter table tenantry.idempotency_keys
    drop constraint idempotency_keys_stands_for_one,
    drop column api_key_hash,
    alter column operation_id set not null;
