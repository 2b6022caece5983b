//! Fingerprints of master keys: which one is the installation's. The keys themselves are nowhere here.

mod agree;
mod replace;
mod resealing;

pub use agree::{MasterKeyRefusal, agree, current, salt};
pub use replace::replace;
pub use resealing::{SealedSecret, erase, reseal, sealed_after};
