//! SQL on the control database, one subject a file.
//!
//! Every function takes the connection first and runs in the caller's transaction, so that the
//! caller decides what commits together. Statements are checked at build time against
//! `migrations/public`; their descriptions are committed in `.sqlx/` (renew them with
//! `scripts/sqlx`). No statement's cost grows with the number of tenants.

pub mod api_keys;
pub mod audit;
pub mod births;
pub mod checkpoints;
pub mod checks;
mod connect;
mod connections;
mod decode;
mod error_class;
pub mod findings;
mod fit;
pub mod health;
pub mod history;
pub mod idempotency;
pub mod imports;
mod installation;
pub mod items;
pub mod master_keys;
mod migrate;
pub mod operations;
pub mod operators;
pub mod origin;
mod place;
pub mod promises;
pub mod queue_state;
mod reach;
pub mod retention;
pub mod rollouts;
mod room;
mod session;
pub mod shared_migrations;
pub mod spares;
mod stage;
pub mod tenants;
pub mod workers;

pub use connect::{by_key, do_without_tls, options, pool, pool_options, renew};
pub use connections::Connections;
pub use error_class::{ErrorClass, classify, is_state};
pub use fit::{Fit, Standing, fit, standing, takes_transactions};
pub use installation::{database_mode, installation, set_database_mode};
pub use migrate::{
    MIGRATOR, PublicMigration, has_migrations, migrate, migration_scripts, public_migrations,
    revert_last,
};
pub use place::Place;
pub use queue_state::{Attention, attention};
pub use reach::{Reached, Unencrypted, Unreachable, is_refused_login, reach};
pub use room::{Room, room};
pub use session::{SessionError, WayOut, open, ready, with_settings};
pub use stage::{StageLimits, open_stage};
