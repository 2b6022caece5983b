//! The doctor on a small hospital: every kind of trouble is planted in turn and found as just that,
//! every repair leaves nothing wrong and touches nothing else.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod application_role;
mod database;
mod healthy;
mod items;
mod keys;
mod learnt;
mod names;
mod one;
mod operations;
#[path = "../plant/mod.rs"]
mod plant;
mod retention;
mod schemas;
mod sessions;
mod versions;
mod ward;
