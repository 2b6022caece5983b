-- Labels of a tenant, key -> value: callers select tenants by them. Most tenants have none, and are in no index.
alter table tenantry.tenants add column labels jsonb not null default '{}';
create index tenants_labels on tenantry.tenants using gin (labels jsonb_path_ops) where labels <> '{}';
