//! What the tests ask for.

use model::{Asked, Kind, Protocol, Variant};

const fn one(kind: Kind, tenant: usize, source: Option<usize>) -> Asked {
    Asked { kind, tenant, source }
}

/// Two tenants in one operation.
pub(crate) const TWO_TENANTS: &[Asked] =
    &[one(Kind::Provision, 0, None), one(Kind::Provision, 1, None)];
pub(crate) const PROVISION: &[Asked] = &[one(Kind::Provision, 0, None)];
pub(crate) const MIGRATE: &[Asked] = &[one(Kind::Migrate, 0, None)];
pub(crate) const DELETE: &[Asked] = &[one(Kind::Delete, 0, None)];

/// Operations on one tenant, in order of arrival.
pub(crate) const PROVISION_MIGRATE: &[Asked] =
    &[one(Kind::Provision, 0, None), one(Kind::Migrate, 0, None)];
pub(crate) const MIGRATE_DELETE: &[Asked] =
    &[one(Kind::Migrate, 0, None), one(Kind::Delete, 0, None)];
pub(crate) const DELETE_MIGRATE: &[Asked] =
    &[one(Kind::Delete, 0, None), one(Kind::Migrate, 0, None)];
pub(crate) const ALL_KINDS: &[Asked] =
    &[one(Kind::Provision, 0, None), one(Kind::Migrate, 0, None), one(Kind::Delete, 0, None)];

/// Two operations that want the same two tenants the other way round, after one that has the
/// second.
pub(crate) const CROSSWISE: &[Asked] =
    &[one(Kind::Migrate, 1, None), one(Kind::Migrate, 0, Some(1)), one(Kind::Migrate, 1, Some(0))];

/// The protocol with every rule in place, in one database.
pub(crate) const fn here(asked: &'static [Asked], faults: u8) -> Protocol {
    Protocol { variant: Variant::Real, asked, remote: false, faults, max_tries: 2 }
}

/// The same where tenants are in another database.
pub(crate) const fn elsewhere(asked: &'static [Asked], faults: u8) -> Protocol {
    Protocol { remote: true, ..here(asked, faults) }
}

/// The same with one try only, so that an undo may be given up too.
pub(crate) const fn strict(protocol: Protocol) -> Protocol {
    Protocol { max_tries: 1, ..protocol }
}
