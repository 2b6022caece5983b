//! What all tenants of a database share by the settings: extensions, and tables that they read.

use domain::SchemaName;

use crate::ident::Ident;

/// The schema of the extensions that all tenants use. Its owner alone may create there.
pub const EXTENSIONS_SCHEMA: &str = "tenantry_extensions";

/// Extensions and tables that migrations may use outside their tenant's schema.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shared {
    pub extensions: Vec<String>,
    /// Tables, each as `schema.table`, without quotation marks.
    pub tables: Vec<String>,
}

impl Shared {
    pub(crate) const NOTHING: &'static Self = &Self { extensions: Vec::new(), tables: Vec::new() };

    /// The search path of tenants that share this.
    #[must_use]
    pub fn path(&self) -> TenantPath {
        TenantPath { extensions: !self.extensions.is_empty() }
    }

    pub(crate) fn has_extension(&self, name: &str) -> bool {
        self.extensions.iter().any(|extension| extension == name)
    }

    pub(crate) fn has_table(&self, schema: &str, table: &str) -> bool {
        let named = |listed: &String| listed.split_once('.') == Some((schema, table));
        self.tables.iter().any(named)
    }

    /// A text that is the same for the same lists, in whatever order; `None` for nothing.
    pub(crate) fn key(&self) -> Option<String> {
        let sorted = |list: &[String]| {
            let mut list = list.to_vec();
            list.sort_unstable();
            list.dedup();
            list.join(",")
        };
        (self != Self::NOTHING)
            .then(|| format!("{};{}", sorted(&self.extensions), sorted(&self.tables)))
    }
}

/// Where the names of tenants, without a schema, are looked up: in the own schema, in that of the
/// extensions if there are any, and in `pg_temp` last, so that no temporary table can stand in for a
/// tenant's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TenantPath {
    extensions: bool,
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
