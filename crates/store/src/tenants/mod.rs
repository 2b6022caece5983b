//! The registry: tenants and their names. Uniqueness is held by unique indexes alone.

mod activate;
mod allocate_ids;
mod conflicts;
mod count;
mod find;
mod fleet;
mod issue_login;
mod list;
mod release;
mod reserve;
mod revive;
mod state;
mod status;
mod touch;

pub use activate::{Activation, activate, deactivate};
pub use allocate_ids::allocate_ids;
pub use conflicts::{Conflict, Wanted, conflicts};
pub use count::count;
pub use find::{Tenant, find};
pub use fleet::{FleetTenant, Place, Unplaced, UnreadableName, fleet_page, fleet_tenant, unplaced};
pub use issue_login::{IssuedLogin, issue_login};
pub(crate) use list::prefix_pattern;
pub use list::{Filter, Page, list};
pub use release::release;
pub use reserve::{Reservation, reserve};
pub use revive::revive;
pub use state::{state, states};
pub use status::{TenantStatus, status};
pub use touch::touch;
