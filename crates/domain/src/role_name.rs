//! The name of a tenant's database role, made from ids and never from the caller.

use crate::text::text_newtype;
use crate::{InstallationId, TenantId};

/// The text is not a role of Tenantry's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a tenant's role")]
pub struct RoleNameError;

/// A role of Tenantry's: a tenant's, or the group they are all in. Roles are shared by the whole
/// cluster, so the name carries the installation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleName(String);

impl RoleName {
    /// The role of one tenant: `tn_<installation>_<tenant>`, at most 31 bytes.
    #[must_use]
    pub fn of(installation: &InstallationId, tenant: TenantId) -> Self {
        Self(format!("tn_{installation}_{tenant}"))
    }

    /// The group that every tenant's role of this installation is in: `tn_<installation>_tenants`.
    #[must_use]
    pub fn group(installation: &InstallationId) -> Self {
        Self(format!("tn_{installation}_tenants"))
    }

    /// The group of this role's installation.
    #[must_use]
    pub fn its_group(&self) -> Self {
        Self(format!("{}_tenants", self.installation()))
    }

    /// How the names of the roles begin that make those of this one's installation:
    /// `tn_<installation>_maker_`, followed by a number of six digits.
    #[must_use]
    pub fn makers(&self) -> String {
        format!("{}_maker_", self.installation())
    }

    /// `tn_<installation>`.
    fn installation(&self) -> &str {
        self.0.rsplit_once('_').map_or(&self.0, |(installation, _)| installation)
    }

    /// The role in `text`, as the registry or the catalog holds it.
    ///
    /// # Errors
    /// When `text` is not a name that [`RoleName::of`] or [`RoleName::group`] makes.
    pub fn parse(text: &str) -> Result<Self, RoleNameError> {
        let rest = text.strip_prefix("tn_").ok_or(RoleNameError)?;
        let (installation, whose) = rest.split_once('_').ok_or(RoleNameError)?;
        let installation = InstallationId::parse(installation).map_err(|_| RoleNameError)?;
        let role = match whose {
            "tenants" => Self::group(&installation),
            id => Self::of(&installation, id.parse().map_err(|_| RoleNameError)?),
        };
        // `+7` and `007` are numbers too, but not names that we make.
        if role.0 == text && !whose.starts_with('-') { Ok(role) } else { Err(RoleNameError) }
    }
}

text_newtype!(RoleName, RoleNameError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_made_of_installation_and_tenant() {
        let us = InstallationId::parse("0a1b2c3d").unwrap();

        assert_eq!(RoleName::of(&us, TenantId::new(7)).as_str(), "tn_0a1b2c3d_7");
        assert_eq!(RoleName::of(&us, TenantId::new(i64::MAX)).as_str().len(), 31);
        assert_eq!(RoleName::group(&us).as_str(), "tn_0a1b2c3d_tenants");
        assert_eq!(RoleName::of(&us, TenantId::new(7)).makers(), "tn_0a1b2c3d_maker_");
        assert_eq!(RoleName::group(&us).makers(), "tn_0a1b2c3d_maker_");
        assert_eq!(RoleName::of(&us, TenantId::new(7)).its_group(), RoleName::group(&us));
    }

    #[test]
    fn reads_back_only_what_it_makes() {
        for name in ["tn_0a1b2c3d_7", "tn_0a1b2c3d_tenants"] {
            assert_eq!(RoleName::parse(name).unwrap().as_str(), name);
        }
        for name in [
            "postgres",
            "tn_0a1b2c3d_",
            "tn_0a1b2c3d_07",
            "tn_0a1b2c3d_+7",
            "tn_0a1b2c3d_-7",
            "tn_0A1B2C3D_7",
            "tn_0a1b2c3d_7\n",
            "tn_0a1b2c3d_7\"; drop",
            "tn__7",
        ] {
            assert_eq!(RoleName::parse(name), Err(RoleNameError), "{name:?}");
        }
    }
}
