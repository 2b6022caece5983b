//! What an operator may do.

use serde::{Deserialize, Serialize};

use crate::state::words;

/// What an operator may do. Each role may all that the one before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks, and changes nothing.
    Viewer,
    /// Submits, cancels and retries batches; reveals keys.
    Operator,
    /// Everything.
    Admin,
}

words!(Role, "a role of an operator", Viewer = "viewer", Operator = "operator", Admin = "admin");

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
