//! The promises, one file each, against the real programs.

mod support;

mod behind_a_proxy;
mod beside_others;
mod bulk_batch;
mod cancel_and_retry;
mod constant_cost;
mod copied_database;
mod demo_and_dev;
mod drain;
mod dual_migrations;
mod fencing;
mod few_connections;
mod foreign_schemas;
mod hostile_names;
mod idempotency;
mod idle;
mod isolation;
mod known_migrations;
mod lost_connections;
mod lost_jobs;
mod master_key;
mod original_calls;
mod password_change;
mod plain_owner;
mod provider;
mod restore;
mod roles_and_tokens;
mod secrets;
mod take_over;
mod tenant_migrations;
mod two_users;
mod untouched_server;
mod waiting;
mod warm_pool;
mod whole_batches;
