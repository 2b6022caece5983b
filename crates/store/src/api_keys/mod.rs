//! API keys: only their hash stays; the secret lies sealed until it is acknowledged.

mod acknowledge;
mod expire;
mod issue;
mod reveal;
mod withdraw;

pub use acknowledge::acknowledge;
pub use expire::erase_expired;
pub use issue::{NewKey, issue};
pub use reveal::{SealedKey, reveal};
pub use withdraw::withdraw;
