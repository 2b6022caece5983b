//! The advisory lock that makes one transaction the only one at work on a tenant.

use crate::TenantId;

/// First key of every such lock: the two-key form keeps clear of locks that tenants and other
/// programs take.
const CLASS: i32 = 0x7E4A;

impl TenantId {
    /// The two keys of this tenant's advisory lock. Two tenants may share the second: they then
    /// wait for each other, which costs time and nothing else.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the fold is meant to lose bits")]
    pub const fn lock_key(self) -> (i32, i32) {
        let id = self.get();
        (CLASS, (id ^ (id >> 32)) as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_neighbours_apart() {
        assert_ne!(TenantId::new(1).lock_key(), TenantId::new(2).lock_key());
    }

    #[test]
    fn tells_ids_apart_that_differ_only_above_32_bits() {
        assert_ne!(TenantId::new(1).lock_key(), TenantId::new(1 + (1 << 40)).lock_key());
    }
}
