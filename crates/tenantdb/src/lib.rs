//! SQL on a tenant database: identifiers, schemas, roles, grants, migrations.
//!
//! The only crate with SQL that is put together at run time. Values get into a statement as an
//! [`Ident`] or a string constant and in no other way. Every function takes the connection first
//! and works in the caller's transaction; nothing here costs more with more tenants: objects are
//! found by unique indexes and by `pg_depend`, never by `information_schema` or a namespace's
//! column in `pg_class`.
//!
//! A tenant's schema, in one transaction, each step looking first at what is there:
//! [`role::claim`] · [`schema::claim`] · [`migrations::apply`] · [`grants::grant`] ·
//! [`verify::verify`]. Several tenants of whom nothing is there, each step one message for all of
//! them: [`newcomers`] and [`verify::verify_newcomers`]; of whom all was built in advance:
//! [`newcomers::adopt`] and [`verify::verify_adopted`]. Once per database [`bootstrap()`], once
//! per owner of it [`hand_over()`], once per process [`rights::check`] and [`Promise::learn`].

pub mod application_role;
mod bootstrap;
pub mod copied;
pub mod door;
pub mod drift;
pub mod elsewhere;
pub mod grants;
mod hand_over;
mod hoards;
mod ident;
pub mod imports;
pub mod ledger;
pub mod left_roles;
mod lint;
pub mod makers;
mod mark;
pub mod mend;
pub mod migrations;
pub mod newcomers;
pub mod own_row;
mod promise;
pub mod public_rights;
pub mod removal;
pub mod rights;
pub mod role;
pub mod schema;
mod scratch;
pub mod shape;
pub mod share;
mod shared;
mod survey;
pub mod trial;
pub mod verify;

pub use bootstrap::{BootstrapError, bootstrap, bootstrap_as, unprepared};
pub use hand_over::hand_over;
pub use hoards::{Hoard, end_hoards};
pub use ident::Ident;
pub use mark::{Mark, Owner};
pub use migrations::MigrationSet;
pub use promise::Promise;
pub use shape::Shape;
pub use shared::{EXTENSIONS_SCHEMA, Shared, TenantPath};
pub use survey::{Subject, survey_format};
