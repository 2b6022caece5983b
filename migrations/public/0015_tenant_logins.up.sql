-- When an operator last gave the tenant's role a password; the password itself is kept nowhere.
alter table tenantry.tenants add column login_issued_at timestamptz;
