-- Whether the database is Tenantry's own or shared with other applications; null until it is chosen.
alter table tenantry.installation add column mode text check (mode in ('own', 'shared'));

-- An installation of the version before took PUBLIC's rights when it made its group of roles.
update tenantry.installation set mode = 'own'
where to_regrole(format('tn_%s_tenants', id)) is not null;
