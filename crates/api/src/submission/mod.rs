//! A submission, from the bytes of its body to the rows and jobs of its batch.
//!
//! [`read`] takes the body and cuts it into slices, [`parse`] makes a tenant of each slice, and
//! [`admit`] writes them in one transaction, a chunk at a time; [`atomic`] is the same for a batch
//! that is all or nothing. [`idempotency`] knows a submission that comes again.

pub(crate) mod admit;
pub(crate) mod atomic;
pub(crate) mod idempotency;
pub(crate) mod parse;
pub(crate) mod read;
