-- An Idempotency-Key can stand for an API key that was issued to a tenant, by the hash of that API key.
alter table tenantry.idempotency_keys
    alter column operation_id drop not null,
    add column api_key_hash bytea,
    add constraint idempotency_keys_stands_for_one check (num_nonnulls(operation_id, api_key_hash) = 1);
