//! The registry: tenants and their names. Uniqueness is held by unique indexes alone.

mod change;
mod deletion;
mod fleet;
mod list;
mod reserve;
mod status;
mod suspended;
mod update;

pub use change::{Activation, IssuedLogin, activate, deactivate, issue_login, touch};
pub use deletion::{
    Barred, Deletion, Erased, Hold, Marked, Tombstone, barred, begin_purge, due, erase, free_names,
    hold, protect, release_hold, ripe, schemas, take_due, tired_purges, tombstone, undelete,
};
pub use fleet::{
    FleetTenant, Place, Unplaced, UnreadableName, fleet_page, fleet_tenant, places_with, unplaced,
};
pub(crate) use list::prefix_pattern;
pub use list::{Filter, Page, Tenant, count, find, list};
pub use reserve::{
    Conflict, Reservation, Wanted, allocate_ids, conflicts, release, reserve, revive,
};
pub use status::{TenantStatus, is_being_suspended, is_held, state, states, status};
pub use suspended::{Standing, Suspension, keep_rights, lock_standing, resume, take_over_due};
pub use update::{Locked, TakenName, lock_changeable, taken_name, update};
