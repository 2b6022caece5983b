drop sequence tenantry.spares_id_seq;
