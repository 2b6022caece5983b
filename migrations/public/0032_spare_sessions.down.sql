drop index tenantry.spares_by_session;
alter table tenantry.spares drop column session;
