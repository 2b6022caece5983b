-- An open update would be of a kind that nobody knows: it has to end first.
do $$ begin
    if exists (select from tenantry.operations where kind = 'update' and finished_at is null) then
        raise exception 'an update is under way: let it end first';
    end if;
end $$;
drop index tenantry.tenants_labels;
alter table tenantry.tenants drop column labels;
