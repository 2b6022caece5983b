update tenantry.tenants gone
set state = 'pending', deleted_at = null, updated_at = now()
where gone.id = any($1)
  and gone.state in ('deleted', 'pending')
  and not exists (
      select from tenantry.tenants t
      where t.domain = gone.domain and t.state <> 'deleted' and t.id <> gone.id
  )
  and not exists (
      select from tenantry.tenants t
      where t.schema_name = gone.schema_name and t.state <> 'deleted' and t.id <> gone.id
  )
  and not exists (
      select from tenantry.tenants t
      where t.external_id = gone.external_id and t.state <> 'deleted' and t.id <> gone.id
  )
returning gone.id
