-- Whose a finding is: of a schema, the tenant that has the name, or else the one in its mark.
with seen as (
    select distinct on (s.subject_type, s.subject_id, s.kind) s.kind, s.subject_type, s.subject_id, s.sentence,
        s.fixable, case s.subject_type
            when 'tenant' then s.subject_id::bigint
            when 'item' then (select i.tenant_id from tenantry.operation_items i where i.id = s.subject_id::bigint)
            when 'key' then (select k.tenant_id from tenantry.api_keys k where k.id = s.subject_id::bigint)
            when 'role' then substring(s.subject_id, '^tn_[0-9a-f]{8}_([1-9][0-9]{0,17})$')::bigint
            when 'schema' then coalesce(
                (select t.id from tenantry.tenants t
                 where t.schema_name = s.subject_id and t.state not in ('deleted', 'released')),
                (select substring(d.description, '^tenantry:[0-9a-f]{8}:([1-9][0-9]{0,17})(?::imported)?$')::bigint
                 from pg_catalog.pg_description d
                 where d.objoid = to_regnamespace(quote_ident(s.subject_id))::oid and d.objsubid = 0
                   and d.classoid = 'pg_catalog.pg_namespace'::regclass))
        end as tenant_id
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[])
        as s (kind, subject_type, subject_id, sentence, fixable)
)
insert into tenantry.findings (kind, subject_type, subject_id, tenant_id, sentence, fixable)
select kind, subject_type, subject_id, tenant_id, sentence, fixable from seen
on conflict (subject_type, subject_id, kind) where closed_at is null
do update set last_seen = now(), sentence = excluded.sentence, fixable = excluded.fixable,
    tenant_id = excluded.tenant_id
