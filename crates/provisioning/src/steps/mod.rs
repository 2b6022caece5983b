//! The steps, one a file. To add one: write its file here and its line in `plan.rs`.

mod activate;
mod apply_migrations;
mod create_role;
mod create_schema;
mod grant_access;
mod issue_key;
mod taken;
mod verify;

pub use activate::Activate;
pub use apply_migrations::ApplyMigrations;
pub use create_role::CreateRole;
pub use create_schema::CreateSchema;
pub use grant_access::GrantAccess;
pub use issue_key::IssueKey;
pub use verify::Verify;
