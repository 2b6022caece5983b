//! What all tenants of a database share by the settings: extensions, and tables that they read.

use crate::path::TenantPath;

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
