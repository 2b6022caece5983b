//! A submission, from the bytes of its body to the rows and jobs of its batch.
//!
//! [`read`] takes the body and cuts it into slices, [`parse`] makes a tenant of each slice, and
//! [`admit`] writes them in one transaction, a chunk at a time; [`atomic`] is the same for a batch
//! that is all or nothing, and [`try_out`] says what each would come to. [`idempotency`] knows a submission that comes again.
//!
//! An operation on tenants that are there has a small body, or a list of changes: [`operation`] and [`changes`] read
//! them, and [`ask`] admits it.

pub(crate) mod admit;
pub(crate) mod ask;
pub(crate) mod atomic;
pub(crate) mod changes;
pub(crate) mod idempotency;
pub(crate) mod operation;
pub(crate) mod parse;
pub(crate) mod read;
mod selector;
pub(crate) mod try_out;
