//! Idempotency keys: the same request twice is one operation.

mod claim;
mod find;
mod forget;

pub use claim::{Claim, claim};
pub use find::{Remembered, find};
pub use forget::forget_expired;
