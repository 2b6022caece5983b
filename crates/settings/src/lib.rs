//! Typed configuration, read once at the start.
//!
//! Three layers, the later wins: `config/default.toml`, the profile's file
//! (`dev.toml` or `production.toml`), the environment. All three are flattened
//! to keys with a memory of where each value came from (`layers`), every value
//! is held against the list of keys (`catalogue`, `check`), values that only
//! make sense together against each other (`relations`), and what is left
//! becomes [`Settings`]. Whatever is wrong is reported at once, each problem
//! under the name its author wrote.
//!
//! Pass a module the section it needs ([`Database`], [`Worker`], …), not the whole.

mod catalogue;
mod check;
mod describe;
mod error;
#[cfg(test)]
mod file_tests;
mod layers;
mod load;
mod misnamed;
mod network;
mod profile;
mod relations;
mod sections;
#[cfg(test)]
mod tests;

pub use describe::{Effective, Source};
pub use error::{Problem, SettingsError};
pub use load::Settings;
pub use network::Network;
pub use profile::Profile;
pub use sections::{
    Api, Checks, Database, Deletion, Keys, Log, LogFormat, Pool, Queue, Reaper, Retention, Tenants,
    Worker, YesOrNo,
};
