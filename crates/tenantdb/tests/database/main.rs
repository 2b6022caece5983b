//! The promises of `tenantdb`, held against a real server.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in a helper too")]

mod adoption;
mod application_role;
mod baselines;
mod bootstrap;
mod confinement;
mod cost;
mod drift;
mod formats;
mod ledger;
mod makers;
mod migrations;
mod no_transaction;
mod ownership;
mod public_rights;
mod quoting;
mod removal;
mod requirements;
mod segments;
mod sharing;
mod support;
mod timeouts;
mod trial;
mod verify;
