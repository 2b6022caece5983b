//! Damages of one tenant: what somebody does by hand, and what doctor has to say of it.

use doctor::Kind;

/// What doctor has to say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Verdict {
    /// Nothing: it breaks no promise.
    Legal,
    /// Findings of these kinds.
    Told(&'static [Kind]),
    /// A finding of kind `shape_differs`, and its repair mends it.
    Mended,
}

use Verdict::{Legal, Mended, Told};

const SHAPE: Verdict = Told(&[Kind::ShapeDiffers]);

pub(crate) const DAMAGES: &[(&str, Verdict)] = &[
    // what lies in the schema
    ("drop table SCHEMA.person", SHAPE),
    ("create table SCHEMA.extra (x int)", SHAPE),
    ("alter table SCHEMA.person drop column full_name", SHAPE),
    ("alter table SCHEMA.person add column surprise int", SHAPE),
    ("alter table SCHEMA.person rename column full_name to name", SHAPE),
    ("alter table SCHEMA.person alter full_name type varchar(9)", SHAPE),
    ("alter table SCHEMA.person alter full_name drop not null", SHAPE),
    ("alter table SCHEMA.person alter active set default false", SHAPE),
    ("alter table SCHEMA.person alter id drop identity", SHAPE),
    ("alter table SCHEMA.person drop constraint person_role_check", SHAPE),
    ("alter table SCHEMA.person add check (active)", SHAPE),
    ("alter table SCHEMA.tenant drop constraint tenant_pkey", SHAPE),
    ("alter table SCHEMA.tenant drop constraint tenant_domain_key", SHAPE),
    ("drop index SCHEMA.person_email", SHAPE),
    ("update pg_index set indisvalid = false where indexrelid = 'SCHEMA.person_email'::regclass", SHAPE),
    ("create index on SCHEMA.person (full_name)", SHAPE),
    ("alter table SCHEMA.person enable row level security", SHAPE),
    ("create policy p on SCHEMA.person using (true)", SHAPE),
    ("alter table SCHEMA.person set unlogged", SHAPE),
    ("alter sequence SCHEMA.person_id_seq increment 2", SHAPE),
    ("create view SCHEMA.v as select 1 as x", SHAPE),
    ("create function SCHEMA.f() returns int language sql as 'select 1'", SHAPE),
    ("create type SCHEMA.mood as enum ('ok')", SHAPE),
    (
        "create trigger t before update on SCHEMA.person
             for each row execute function suppress_redundant_updates_trigger()",
        SHAPE,
    ),
    ("create rule r as on delete to SCHEMA.person do instead nothing", SHAPE),
    (
        "insert into SCHEMA.person (id, email, full_name) overriding system value values (7, 'a', 'b')",
        Told(&[Kind::SequenceBehind]),
    ),
    (
        "insert into SCHEMA.person (email, full_name) values ('a', 'b');
         select setval('SCHEMA.person_id_seq', 1, false)",
        Told(&[Kind::SequenceBehind]),
    ),
    ("delete from SCHEMA.tenant", Told(&[Kind::OwnRowMissing])),
    ("update SCHEMA.tenant set name = 'another'", Told(&[Kind::OwnRowDiffers])),
    // rights
    ("grant usage on schema SCHEMA to public", Mended),
    ("grant usage on schema SCHEMA to public; grant select on SCHEMA.person to public", Mended),
    ("grant usage on schema SCHEMA to RIVAL", Mended),
    ("grant select on SCHEMA.person to RIVAL", Mended),
    ("grant select (email) on SCHEMA.person to RIVAL", Mended),
    ("grant usage on sequence SCHEMA.person_id_seq to public", Mended),
    ("grant all on all tables in schema SCHEMA to pg_monitor", Mended),
    ("alter default privileges in schema SCHEMA grant select on tables to RIVAL", Mended),
    ("alter default privileges in schema SCHEMA grant execute on functions to public", Mended),
    ("alter default privileges in schema SCHEMA revoke select on tables from ROLE", Mended),
    ("alter default privileges in schema SCHEMA revoke usage on sequences from ROLE", Mended),
    ("revoke select on SCHEMA.person from ROLE", Mended),
    ("revoke all on all sequences in schema SCHEMA from ROLE", Mended),
    ("revoke usage on schema SCHEMA from ROLE", Mended),
    ("grant create on schema SCHEMA to ROLE", Mended),
    ("grant select on SCHEMA.person to ROLE with grant option", Mended),
    ("grant truncate, references, trigger on SCHEMA.person to ROLE", Mended),
    ("alter table SCHEMA.person owner to ROLE", Mended),
    ("alter table SCHEMA.person owner to pg_monitor", Mended),
    ("alter schema SCHEMA owner to ROLE", SHAPE),
    ("grant usage on schema tenantry to ROLE", Mended),
    ("grant ROLE to pg_monitor", Mended),
    ("grant ROLE to pg_monitor with admin option", Mended),
    ("grant create on schema public to ROLE", Mended),
    (
        "do $$ begin execute format('grant temporary on database %I to ROLE', current_database()); end $$",
        Mended,
    ),
    // the role
    ("alter role ROLE superuser", Mended),
    ("alter role ROLE createrole", Mended),
    ("alter role ROLE createdb", Mended),
    ("alter role ROLE replication", Mended),
    ("alter role ROLE bypassrls", Mended),
    ("alter role ROLE nologin", Mended),
    ("alter role ROLE noinherit", Mended),
    ("alter role ROLE valid until '2020-01-01'", Mended),
    ("alter role ROLE connection limit 0", Mended),
    ("alter role ROLE reset search_path", Mended),
    ("alter role ROLE set search_path to t_1, pg_temp", Mended),
    (
        "do $$ begin execute format('alter role ROLE in database %I set search_path to t_1',
             current_database()); end $$",
        Mended,
    ),
    ("alter role ROLE set session_preload_libraries to 'x'", Mended),
    ("revoke tn_US_tenants from ROLE", Mended),
    ("grant pg_read_all_data to ROLE", Mended),
    ("grant RIVAL to ROLE", Mended),
    // marks and names
    ("comment on schema SCHEMA is null", Told(&[Kind::WrongMark])),
    ("comment on role ROLE is 'tenantry:US:1'", Told(&[Kind::WrongMark])),
    (
        "alter schema SCHEMA rename to elsewhere",
        Told(&[Kind::TenantWithoutSchema, Kind::WrongMark]),
    ),
    ("drop schema SCHEMA cascade", Told(&[Kind::TenantWithoutSchema])),
    ("drop owned by ROLE; drop role ROLE", Told(&[Kind::TenantWithoutRole])),
    // what the control database knows of it
    (
        "drop table SCHEMA.person; update tenantry.tenant_migrations set version = '0001' where tenant_id = ID",
        Told(&[Kind::MigrationsBehind]),
    ),
    (
        "update tenantry.tenant_migrations set version = '0001' where tenant_id = ID",
        Told(&[Kind::MigrationsBehind, Kind::ShapeDiffers]),
    ),
    (
        "update tenantry.tenant_migrations set version = null where tenant_id = ID",
        Told(&[Kind::MigrationsBehind, Kind::ShapeDiffers]),
    ),
    (
        "delete from tenantry.tenant_migrations where tenant_id = ID",
        Told(&[Kind::MigrationsBehind]),
    ),
    (
        "insert into tenantry.migration_sets
     select 'edited', versions, descriptions, array['x', checksums[2]] from tenantry.migration_sets
     where cardinality(versions) = 2 and hash <> 'edited' limit 1 on conflict do nothing;
         update tenantry.tenant_migrations set set_hash = 'edited' where tenant_id = ID",
        Told(&[Kind::MigrationEdited]),
    ),
    (
        "insert into tenantry.migration_sets
     select 'later', versions || '99'::text, descriptions || ''::text, checksums || 'x'::text from tenantry.migration_sets
     where cardinality(versions) = 2 and hash <> 'edited' limit 1 on conflict do nothing;
         update tenantry.tenant_migrations set set_hash = 'later', version = '99' where tenant_id = ID",
        Told(&[Kind::MigrationUnknown]),
    ),
    (
        "update TENANTS set settings = '[]' where id = ID",
        Told(&[Kind::OwnRowDiffers, Kind::TenantInWrongState]),
    ),
    (
        "update TENANTS set settings = '{\"metadata\": {\"x\": 1e300}}' where id = ID",
        Told(&[Kind::OwnRowDiffers]),
    ),
    (
        "update TENANTS set activated_at = null where id = ID",
        Told(&[Kind::SucceededWithoutTenant, Kind::TenantInWrongState]),
    ),
    ("delete from STAGES where item_id = ID", Told(&[Kind::CheckpointMissing])),
    ("delete from KEYS where id = ID", Told(&[Kind::TenantWithoutLiveKey])),
    (
        "update KEYS set sealed = null, sealed_until = null, operation_id = gen_random_uuid()
         where id = ID",
        Told(&[Kind::SecretErasedEarly]),
    ),
    (
        "update KEYS set sealed_until = now() - interval '1 s' where id = ID",
        Told(&[Kind::SealedPastItsTime]),
    ),
    (
        "update ITEMS set worker_id = 'x' where id = ID",
        Told(&[Kind::ItemInWrongState]),
    ),
    ("update ITEMS set finished_at = null where id = ID", Told(&[Kind::ItemInWrongState])),
    (
        "update TENANTS set state = 'suspended' where id = ID",
        Told(&[Kind::SuspendedTenantLetIn]),
    ),
    // legal
    ("insert into SCHEMA.person (email, full_name) values ('a', 'b')", Legal),
    ("comment on table SCHEMA.person is 'people'", Legal),
    ("alter table SCHEMA.person alter email set statistics 500", Legal),
    ("alter table SCHEMA.person set (autovacuum_enabled = false)", Legal),
    ("alter role ROLE connection limit 9", Legal),
    ("alter role ROLE valid until 'infinity'", Legal),
    ("vacuum (full, analyze) SCHEMA.person", Legal),
    ("reindex table SCHEMA.person", Legal),
];
