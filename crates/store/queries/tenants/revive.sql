update tenantry.tenants gone
set state = 'pending', updated_at = now()
where gone.id = any($1)
  and gone.state || '' in ('released', 'pending') -- found by id
  and not exists (
      select from tenantry.tenants t
      where t.domain = gone.domain and (t.state not in ('deleted', 'released') or t.names_held_until is not null)
            and t.id <> gone.id
  )
  and not exists (
      select from tenantry.tenants t
      where t.schema_name = gone.schema_name and (t.state not in ('deleted', 'released') or t.names_held_until is not null)
            and t.id <> gone.id
  )
  and not exists (
      select from tenantry.tenants t
      where t.external_id = gone.external_id and (t.state not in ('deleted', 'released') or t.names_held_until is not null)
            and t.id <> gone.id
  )
returning gone.id
