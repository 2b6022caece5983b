//! The checks, one a file. Most are one statement each; the modules with a function walk in pages
//! instead, or look at one tenant after another.

mod atomic_parts;
mod checkpoints;
mod connections_left;
pub(crate) mod database_rights;
mod dead_owners;
mod default_rights;
mod early_events;
mod early_secrets;
mod ended_open;
mod faults;
pub(crate) mod guards;
pub(crate) mod ids;
mod item_rows;
pub(crate) mod jobs;
mod learnt;
mod live_keys;
mod makers;
pub(crate) mod master_key;
mod missing_events;
pub(crate) mod passwords;
pub(crate) mod promise;
mod remains;
mod repeated_events;
mod reservations;
mod role_marks;
pub(crate) mod roles;
mod schema_marks;
pub(crate) mod schemas;
mod sealed_secrets;
mod several_keys;
pub(crate) mod shared_objects;
mod shared_tenants;
pub(crate) mod spares;
mod stale_keys;
pub(crate) mod stranded;
mod succeeded;
mod system_roles;
mod tenant_locks_held;
mod tenant_roles;
mod tenant_rows;
mod tenant_schemas;
mod tenant_transactions;
mod totals;
mod undo_failed;
pub(crate) mod unreadable;
mod unsettled;

use crate::check::Check;

/// Every check that is one statement.
pub(crate) const ALL: &[Check] = &[
    dead_owners::CHECK,
    item_rows::CHECK,
    undo_failed::CHECK,
    succeeded::CHECK,
    checkpoints::CHECK,
    tenant_rows::CHECK,
    shared_tenants::CHECK,
    remains::CHECK,
    reservations::CHECK,
    tenant_schemas::CHECK,
    tenant_roles::CHECK,
    schema_marks::CHECK,
    role_marks::CHECK,
    spares::CHECK,
    makers::CHECK,
    live_keys::CHECK,
    several_keys::CHECK,
    stale_keys::CHECK,
    sealed_secrets::CHECK,
    early_secrets::CHECK,
    system_roles::CHECK,
    default_rights::CHECK,
    unsettled::CHECK,
    ended_open::CHECK,
    totals::CHECK,
    atomic_parts::CHECK,
    repeated_events::CHECK,
    missing_events::CHECK,
    early_events::CHECK,
    tenant_transactions::CHECK,
    tenant_locks_held::CHECK,
    connections_left::CHECK,
];
