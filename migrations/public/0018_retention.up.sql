-- What has ended is deleted when its time is over; the audit log stays, one partition a month.

insert into tenantry.leases (name) values ('retention');

-- The sweep finds what is old by these.
create index operations_by_end on tenantry.operations (finished_at, id) where finished_at is not null;
create index workers_by_end on tenantry.workers (stopped_at) where stopped_at is not null;

-- Operations that are deleted, and whose items are being deleted: an operation goes with its first
-- statement for every reader, its items follow in portions. So items have no foreign key on their
-- operation. It was true by construction: both are written in one transaction.
create table tenantry.pruned_operations (operation_id uuid primary key);
alter table tenantry.operation_items drop constraint operation_items_operation_id_fkey;

alter table tenantry.installation
    -- operations that ended since then are all there; null while none was deleted
    add column operations_kept_from timestamptz,
    -- the same of events
    add column events_kept_from     timestamptz;

-- An export of a month of the audit log. A month is dropped only after one.
create table tenantry.audit_exports (
    id          bigint generated always as identity primary key,
    -- its first day
    month       date not null check (extract(day from month) = 1),
    exported_at timestamptz not null default clock_timestamp(),
    exported_by text not null,
    row_count   bigint not null check (row_count >= 0),
    -- of the file, in hex
    sha256      text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    dropped_at  timestamptz
);
create index audit_exports_by_month on tenantry.audit_exports (month, id);

alter table tenantry.audit_log rename to audit_log_before;
alter index tenantry.audit_log_pkey rename to audit_log_before_pkey;
alter sequence tenantry.audit_log_id_seq rename to audit_log_before_id_seq;
create table tenantry.audit_log (
    like tenantry.audit_log_before including defaults including identity,
    primary key (id, at)
) partition by range (at);
create trigger audit_append_only before update or delete or truncate on tenantry.audit_log
    for each statement execute function tenantry.audit_is_append_only();

-- Takes the rows of a month that has no partition: no insert fails when no worker has made one.
create table tenantry.audit_log_other partition of tenantry.audit_log default;
create trigger audit_append_only before update or delete or truncate on tenantry.audit_log_other
    for each statement execute function tenantry.audit_is_append_only();

-- Makes the partition of the month that `day` is in, in UTC, and moves that month's rows into it; false
-- when it is there. Inserts wait until the transaction ends: one that has chosen the default partition would
-- be refused there. So whoever reads the default partition is not waited for.
create function tenantry.make_audit_month(day date) returns boolean language plpgsql
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

-- Makes the partitions of this month, of the next two, and of each month that has rows in the default
-- partition; says how many.
create function tenantry.make_audit_months() returns int language plpgsql as $$
declare
    -- all of them first: no cursor is on the default partition while its rows are moved
    days date[] := array(
        select (date_trunc('month', now() at time zone 'UTC') + n * interval '1 month')::date
        from generate_series(0, 2) n
        union
        select date_trunc('month', at at time zone 'UTC')::date from tenantry.audit_log_other);
    day date;
    made int := 0;
begin
    foreach day in array days loop
        made := made + tenantry.make_audit_month(day)::int;
    end loop;
    return made;
end $$;

-- Drops the partition of the month that begins with `first`, if the month is over and its newest export has
-- as many rows. Inserts wait from the detaching to the end of the transaction.
create function tenantry.drop_audit_month(
    first date, out verdict text, out present bigint, out exported bigint)
    language plpgsql set lock_timeout = '1s' as $$
declare
    part text := to_char(first, '"audit_log_"YYYY_MM');
begin
    if (first + interval '1 month') at time zone 'UTC' > now() then
        verdict := 'not_over';
        return;
    end if;
    if to_regclass(format('tenantry.%I', part)) is null then
        if not exists (select from tenantry.audit_log_other
                       where at >= first::timestamp at time zone 'UTC'
                         and at < (first + interval '1 month') at time zone 'UTC') then
            verdict := 'no_rows';
            return;
        end if;
        perform tenantry.make_audit_month(first);
    end if;
    -- a transaction that has added a row and not ended is waited for
    execute format('lock table tenantry.%I in share mode', part);
    execute format('select count(*) from tenantry.%I', part) into present;
    select e.row_count into exported from tenantry.audit_exports e
    where e.month = first order by e.id desc limit 1;
    if exported is distinct from present then
        verdict := case when exported is null then 'not_exported' else 'changed' end;
        return;
    end if;
    execute format('alter table tenantry.audit_log detach partition tenantry.%I', part);
    execute format('drop table tenantry.%I', part);
    update tenantry.audit_exports set dropped_at = clock_timestamp()
    where month = first and dropped_at is null;
    verdict := 'dropped';
end $$;

revoke execute on function tenantry.make_audit_month(date), tenantry.make_audit_months(),
    tenantry.drop_audit_month(date) from public;

select tenantry.make_audit_month(day)
from (select distinct date_trunc('month', at at time zone 'UTC')::date as day
      from tenantry.audit_log_before) months;
insert into tenantry.audit_log overriding system value select * from tenantry.audit_log_before;
select setval(pg_get_serial_sequence('tenantry.audit_log', 'id'), last_value, is_called)
from tenantry.audit_log_before_id_seq;
drop table tenantry.audit_log_before;
create index audit_log_by_tenant on tenantry.audit_log (tenant_id, id) where tenant_id is not null;
create index audit_log_by_operation on tenantry.audit_log (operation_id, id) where operation_id is not null;
