//! A tenant as callers see it.

use contract::Tenant;
use store::tenants;

pub(crate) fn tenant(t: tenants::Tenant) -> Tenant {
    Tenant {
        tenant_id: t.id,
        tenant_name: t.name,
        status: t.state.into(),
        domain: t.domain,
        schema_name: t.schema,
        role_name: t.role,
        external_id: t.external_id,
        description: t.description,
        settings: t.settings,
        migration_version: t.migration_version,
        created_at: t.created_at,
        activated_at: t.activated_at,
        updated_at: t.updated_at,
    }
}
