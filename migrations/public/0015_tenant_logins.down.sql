alter table tenantry.tenants drop column login_issued_at;
