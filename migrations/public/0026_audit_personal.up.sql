-- The audit log names the role of who did it, and for whom; what names a customer has a column of its own, so
-- that it can be erased and the rest stays. No row is rewritten: the columns have no default.
alter table tenantry.audit_log
    -- of the operator, at that moment
    add column role            text,
    -- as the caller said in `Tenantry-Actor`; it gives no rights
    add column on_behalf_of    text,
    -- names, domains, reasons, settings before and after, and a random `salt`; only where there is a tenant_id
    add column personal        jsonb,
    -- sha256 of personal as text, in UTF-8: it stays when personal is erased. A chain of hashes covers every
    -- column but `personal`.
    add column personal_digest bytea;
create index audit_log_by_principal on tenantry.audit_log (on_behalf_of, at, id)
    where on_behalf_of is not null;

-- A row stays as it is, but for `personal`, which an update may set to null.
create function tenantry.guard_audit(part regclass) returns void language plpgsql as $$
begin
    execute format('drop trigger if exists audit_append_only on %s', part);
    execute format('create trigger audit_append_only before delete or truncate or update of id, at, actor,
        action, tenant_id, operation_id, request_id, address, detail, role, on_behalf_of, personal_digest
        on %s for each statement execute function tenantry.audit_is_append_only()', part);
end $$;
select tenantry.guard_audit(part)
from (select 'tenantry.audit_log'::regclass as part
      union all select inhrelid::regclass from pg_inherits where inhparent = 'tenantry.audit_log'::regclass) parts;
create trigger audit_erases_only before update on tenantry.audit_log
    for each row when (new.personal is not null) execute function tenantry.audit_is_append_only();

-- As before, but for the triggers.
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
    perform tenantry.guard_audit(format('tenantry.%I', part)::regclass);
    execute format('alter table tenantry.audit_log attach partition tenantry.%I
        for values from (%L) to (%L)', part, since, until);
    return true;
end $$;
revoke execute on function tenantry.guard_audit(regclass) from public;

-- A key can stand for an act that made nothing, such as a pause.
alter table tenantry.idempotency_keys
    drop constraint idempotency_keys_stands_for_one,
    add constraint idempotency_keys_stands_for_one check (num_nonnulls(operation_id, api_key_hash) <= 1);
