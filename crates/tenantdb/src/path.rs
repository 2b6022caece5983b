//! Where a tenant's names without a schema are looked up: the one text for roles, migrations and checks.

use domain::SchemaName;

use crate::ident::Ident;

/// The schema of the extensions that all tenants use. Its owner alone may create there.
pub const EXTENSIONS_SCHEMA: &str = "tenantry_extensions";

/// The search path of tenants: the own schema, that of the extensions if there are any, and `pg_temp`
/// last, so that no temporary table can stand in for a tenant's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TenantPath {
    pub(crate) extensions: bool,
}

impl TenantPath {
    /// Without extensions.
    pub const ALONE: Self = Self { extensions: false };

    /// The path in a schema, as `current_setting` spells it.
    pub(crate) fn of(self, schema: &SchemaName) -> String {
        format!("{}, {}", Ident::from(schema), self.rest())
    }

    /// What follows the tenant's own schema.
    pub(crate) fn rest(self) -> String {
        if self.extensions { format!("{EXTENSIONS_SCHEMA}, pg_temp") } else { "pg_temp".to_owned() }
    }
}
