drop trigger audit_erases_only on tenantry.audit_log;
do $$
declare
    part regclass;
begin
    for part in select 'tenantry.audit_log'::regclass
                union all select inhrelid::regclass from pg_inherits where inhparent = 'tenantry.audit_log'::regclass
    loop
        execute format('drop trigger audit_append_only on %s', part);
        execute format('create trigger audit_append_only before update or delete or truncate on %s
            for each statement execute function tenantry.audit_is_append_only()', part);
    end loop;
end $$;
create or replace function tenantry.make_audit_month(day date) returns boolean language plpgsql
    set lock_timeout = '1s' as $$
declare
    first date := date_trunc('month', day::timestamp)::date;
    since timestamptz := first::timestamp at time zone 'UTC';
    until timestamptz := (first + interval '1 month') at time zone 'UTC';
    part text := to_char(first, '"audit_log_"YYYY_MM');
begin
    if to_regclass(format('tenantry.%I', part)) is not null then
        return false;
    end if;
    lock table only tenantry.audit_log in share row exclusive mode;
    lock table tenantry.audit_log_other in access exclusive mode nowait;
    if to_regclass(format('tenantry.%I', part)) is not null then
        return false;
    end if;
    execute format('create table tenantry.%I (like tenantry.audit_log including defaults)', part);
    if exists (select from tenantry.audit_log_other where at >= since and at < until) then
        alter table tenantry.audit_log_other disable trigger audit_append_only;
        execute format('with moved as (
                delete from tenantry.audit_log_other where at >= $1 and at < $2 returning *)
            insert into tenantry.%I select * from moved', part) using since, until;
        alter table tenantry.audit_log_other enable trigger audit_append_only;
    end if;
    execute format('create trigger audit_append_only before update or delete or truncate
        on tenantry.%I for each statement execute function tenantry.audit_is_append_only()', part);
    execute format('alter table tenantry.audit_log attach partition tenantry.%I
        for values from (%L) to (%L)', part, since, until);
    return true;
end $$;
drop function tenantry.guard_audit(regclass);
alter table tenantry.audit_log
    drop column role, drop column on_behalf_of, drop column personal, drop column personal_digest;
-- What a key stood for is not known to this version.
delete from tenantry.idempotency_keys where num_nonnulls(operation_id, api_key_hash) = 0;
alter table tenantry.idempotency_keys
    drop constraint idempotency_keys_stands_for_one,
    add constraint idempotency_keys_stands_for_one check (num_nonnulls(operation_id, api_key_hash) = 1);
