alter table tenantry.audit_log rename to audit_log_before;
alter index tenantry.audit_log_pkey rename to audit_log_before_pkey;
alter sequence tenantry.audit_log_id_seq rename to audit_log_before_id_seq;
alter index tenantry.audit_log_by_tenant rename to audit_log_before_by_tenant;
alter index tenantry.audit_log_by_operation rename to audit_log_before_by_batch;
create table tenantry.audit_log (
    like tenantry.audit_log_before including defaults including identity,
    primary key (id)
);
insert into tenantry.audit_log overriding system value
select * from tenantry.audit_log_before order by id;
select setval(pg_get_serial_sequence('tenantry.audit_log', 'id'), last_value, is_called)
from tenantry.audit_log_before_id_seq;
create index audit_log_by_tenant on tenantry.audit_log (tenant_id, id) where tenant_id is not null;
create index audit_log_by_operation on tenantry.audit_log (operation_id, id) where operation_id is not null;
create trigger audit_append_only before update or delete or truncate on tenantry.audit_log
    for each statement execute function tenantry.audit_is_append_only();
drop table tenantry.audit_log_before;
drop function tenantry.drop_audit_month(date);
drop function tenantry.make_audit_months();
drop function tenantry.make_audit_month(date);
drop table tenantry.audit_exports;

alter table tenantry.installation drop column operations_kept_from, drop column events_kept_from;

-- Ends what the sweep has begun.
delete from tenantry.checkpoints c using tenantry.operation_items i, tenantry.pruned_operations p
where c.item_id = i.id and i.operation_id = p.operation_id;
delete from tenantry.item_attempts a using tenantry.operation_items i, tenantry.pruned_operations p
where a.item_id = i.id and i.operation_id = p.operation_id;
delete from tenantry.operation_items i using tenantry.pruned_operations p where i.operation_id = p.operation_id;
drop table tenantry.pruned_operations;
alter table tenantry.operation_items add constraint operation_items_operation_id_fkey
    foreign key (operation_id) references tenantry.operations (id);

drop index tenantry.workers_by_end;
drop index tenantry.operations_by_end;
delete from tenantry.leases where name = 'retention';
