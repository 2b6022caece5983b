//! What an operator may do.

use crate::state::words;

words! {
    /// What an operator may do. Each role may all that the one before it may.
    Role: "a role of an operator" {
        /// Looks, and changes nothing.
        Viewer = "viewer",
        /// Makes, suspends and resumes tenants; steers operations; issues and reveals keys.
        Operator = "operator",
        /// Everything: migrates too, and does what concerns all tenants or cannot be taken back.
        Admin = "admin",
    }
}

impl Role {
    /// Whether one with this role may do what needs the role `needed`.
    #[must_use]
    pub fn allows(self, needed: Self) -> bool {
        self >= needed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_allows_itself_and_those_below() {
        for (i, role) in Role::ALL.iter().enumerate() {
            for (j, needed) in Role::ALL.iter().enumerate() {
                assert_eq!(role.allows(*needed), i >= j, "{role} for {needed}");
            }
        }
    }
}
