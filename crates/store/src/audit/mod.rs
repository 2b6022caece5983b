//! The audit log: one row for every change and every reveal, in the transaction of the change.

mod append;
mod append_many;

pub use append::{By, Entry, append};
pub use append_many::append_for_tenants;
