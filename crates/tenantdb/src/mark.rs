//! Whose a schema or a role is: a comment on it, written in the transaction that made or imported it.

use std::fmt;

use domain::{InstallationId, TenantId};

/// The tenant a schema or role was made for, as its comment tells: `tenantry:<installation>:<id>`.
///
/// The installation is part of it because roles are shared by all databases of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The Tenantry installation that made the object.
    pub installation: InstallationId,
    /// The tenant it was made for.
    pub tenant: TenantId,
}

impl Mark {
    /// Reads a comment; `None` when it is not a mark.
    pub fn parse(comment: &str) -> Option<Self> {
        let (installation, tenant) = comment.strip_prefix("tenantry:")?.split_once(':')?;
        let mark = Self {
            installation: InstallationId::parse(installation).ok()?,
            tenant: TenantId::new(tenant.parse().ok()?),
        };
        (mark.to_string() == comment).then_some(mark)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tenantry:{}:{}", self.installation.as_str(), self.tenant.get())
    }
}

/// Whose a name is at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// Nothing of that name exists.
    Nobody,
    /// A Tenantry made it, for the tenant in the mark.
    Marked(Mark),
    /// It was there, and was imported for the tenant in the mark.
    Imported(Mark),
    /// It exists and bears no mark: a stranger's.
    Unmarked,
}

/// What follows the mark of a schema that was imported.
pub(crate) const IMPORTED: &str = ":imported";

impl Owner {
    /// Whether it exists and bears exactly this mark: a Tenantry made it, and may drop it.
    pub fn is(&self, mark: &Mark) -> bool {
        matches!(self, Self::Marked(found) if found == mark)
    }

    /// Whether it is that tenant's, made or imported.
    pub fn is_of(&self, mark: &Mark) -> bool {
        self.is(mark) || self.is_imported(mark)
    }

    /// Whether it was imported for that tenant.
    pub fn is_imported(&self, mark: &Mark) -> bool {
        matches!(self, Self::Imported(found) if found == mark)
    }

    pub(crate) fn of(exists: bool, comment: Option<&str>) -> Self {
        let imported = || Mark::parse(comment?.strip_suffix(IMPORTED)?);
        match (exists, comment.and_then(Mark::parse)) {
            (false, _) => Self::Nobody,
            (true, Some(mark)) => Self::Marked(mark),
            (true, None) => imported().map_or(Self::Unmarked, Self::Imported),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> Mark {
        let installation = InstallationId::parse("0a1b2c3d").unwrap();
        Mark { installation, tenant: TenantId::new(42) }
    }

    #[test]
    fn a_mark_reads_back_what_it_wrote() {
        assert_eq!(mark().to_string(), "tenantry:0a1b2c3d:42");
        assert_eq!(Mark::parse("tenantry:0a1b2c3d:42"), Some(mark()));
    }

    #[test]
    fn a_comment_that_is_nearly_a_mark_is_none() {
        for comment in [
            "",
            "tenantry",
            "tenantry:0a1b2c3d:",
            "tenantry:0a1b2c3d:042",
            "tenantry:zz:42",
            "tenantry:0a1b2c3d:42 ",
            "Tenantry:0a1b2c3d:42",
            "tenantry:0a1b2c3d:+42",
        ] {
            assert_eq!(Mark::parse(comment), None, "{comment:?}");
        }
    }

    #[test]
    fn only_the_same_tenant_of_the_same_installation_owns() {
        let other = Mark { tenant: TenantId::new(43), ..mark() };
        assert!(Owner::of(true, Some("tenantry:0a1b2c3d:42")).is(&mark()));
        assert!(!Owner::of(true, Some("tenantry:0a1b2c3d:42")).is(&other));
        assert!(!Owner::of(true, Some("a stranger's words")).is(&mark()));
        let imported = Owner::of(true, Some("tenantry:0a1b2c3d:42:imported"));
        assert!(imported.is_imported(&mark()) && imported.is_of(&mark()) && !imported.is(&mark()));
        assert!(!imported.is_of(&other));
        assert_eq!(Owner::of(true, None), Owner::Unmarked);
        assert_eq!(Owner::of(false, None), Owner::Nobody);
    }
}
