-- Open suspensions would hold their tenants: they have to end first.
do $$ begin
    if exists (select from tenantry.operation_items where interrupts and finished_at is null) then
        raise exception 'a suspension is under way: let it end first';
    end if;
end $$;
drop index tenantry.operation_items_hold;
create unique index operation_items_hold on tenantry.operation_items (tenant_id)
    where state in ('running', 'retrying', 'unwinding', 'built', 'undo_failed', 'stuck');
alter table tenantry.operation_items drop column interrupts;
alter table tenantry.tenants drop column suspended_rights, drop column suspended_until,
    drop column suspended_reason, drop column suspended_at;
