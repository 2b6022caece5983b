-- The release before cannot give a schema back.
do $$ begin
    if exists (select from tenantry.imports) then
        raise exception 'there are imported tenants: release or delete them first (`tenantry release`)';
    end if;
end $$;
drop table tenantry.imports;
