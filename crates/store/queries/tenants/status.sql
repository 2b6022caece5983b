select t.name, t.state, t.created_at, m.version as "migration_version?",
    (to_regnamespace(quote_ident(t.schema_name)) is not null
        and to_regrole(quote_ident(t.role_name)) is not null) as "is_there!",
    -- a set that is not the same may have the same files: another spelling, or one more beside them
    coalesce(case when m.set_hash = newest.hash
        then m.version is distinct from newest.versions[cardinality(newest.versions)]
        else exists (
            select from unnest(newest.versions, newest.checksums) f (version, checksum)
            where not exists (
                select from unnest(s.versions[:p.place], s.checksums[:p.place]) a (version, checksum)
                where a.version = f.version or a.checksum = f.checksum
            )
        )
    end, false) as "is_behind!",
    coalesce(c.drift <> '[]', c.overall_health = 'unhealthy' and not c.schema_valid, false) as "has_drifted!",
    c.checked_at as "checked_at?",
    greatest(t.login_issued_at,
        (select max(k.last_used_at) from tenantry.api_keys k where k.tenant_id = t.id)) as last_activity
from tenantry.tenants t
left join tenantry.tenant_checks c on c.tenant_id = t.id
left join tenantry.tenant_migrations m on m.tenant_id = t.id
left join tenantry.migration_sets s on s.hash = m.set_hash
left join tenantry.migration_sets newest on newest.hash = (
    select q.set_hash from tenantry.promises q order by q.learnt_at desc limit 1)
cross join lateral (select coalesce(array_position(s.versions, m.version), 0)) p (place)
where t.id = $1
