//! A database for each test, ready in milliseconds: `let db = harness::fresh_db().await;`
//!
//! Nothing has to be started first; [`Db`] says how it comes about.

mod database;

pub use database::{Db, copy_of, empty_db, fresh_db, fresh_db_alone};
