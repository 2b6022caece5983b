//! Parses the names in a tenant's row, which may have been edited by hand.

use domain::{RoleName, SchemaName};

/// A column of a tenant's row holds what Tenantry never writes there.
#[derive(Debug, thiserror::Error)]
#[error("its {field} cannot be read: {why}")]
pub(crate) struct Unreadable {
    pub(crate) field: &'static str,
    pub(crate) why: String,
}

/// The names of a tenant's schema and role.
pub(crate) fn read(schema: &str, role: &str) -> Result<(SchemaName, RoleName), Unreadable> {
    Ok((schema_name(schema)?, role_name(role)?))
}

/// The names that cannot be parsed.
pub(crate) fn unreadable(schema: &str, role: &str) -> impl Iterator<Item = Unreadable> {
    schema_name(schema).err().into_iter().chain(role_name(role).err())
}

fn schema_name(text: &str) -> Result<SchemaName, Unreadable> {
    let read = SchemaName::from_registry(text.to_owned());
    read.map_err(|e| Unreadable { field: "schema_name", why: e.to_string() })
}

fn role_name(text: &str) -> Result<RoleName, Unreadable> {
    RoleName::parse(text).map_err(|e| Unreadable { field: "role_name", why: e.to_string() })
}
