//! Tenants built in advance. Their schemas and roles are in the tenant database; the rows here
//! commit together with them. A spare's row is its lock: no tenant has its id.

mod allocate_ids;
mod count;
mod list;
mod record;
mod refill;
mod remove;
mod take;

pub use allocate_ids::allocate_ids;
pub use count::{SpareCount, count};
pub use list::{every, ready, stale};
pub use record::record;
pub use refill::refill_lock;
pub use remove::remove;
pub use take::{Spare, take};
