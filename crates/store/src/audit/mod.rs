//! The audit log: one row for every change and every reveal, in the transaction of the change.

mod append;
mod append_many;
mod months;

pub use append::{By, Entry, append};
pub use append_many::append_for_tenants;
pub use months::{Export, Verdict, drop_month, export, make_months, record_export};
