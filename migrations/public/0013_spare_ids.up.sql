-- Spares have ids of their own, so that tenants' begin at 1. Both name roles and stand in marks: spares
-- begin at 2^52, where no tenant will be and a JSON number is still exact.
create sequence tenantry.spares_id_seq start with 4503599627370496 minvalue 4503599627370496
    owned by tenantry.spares.id;
