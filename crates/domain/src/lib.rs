//! The rules of the registry: ids, names, domains, settings, states. No I/O.
//!
//! Nothing in here can fail for want of a network or a disk, and nothing in here looks anything
//! up: a value that exists has been parsed, so code that holds a [`Domain`] never asks whether it
//! is one. A request becomes a [`NewBatch`] of [`NewItem`]s, each a [`NewTenant`] or the
//! [`ItemError`] that says why not; from there an [`ItemState`] moves along its legal moves until
//! [`Progress`] says that the batch is over.

#![warn(missing_docs, clippy::missing_errors_doc)]

mod backoff;
mod bulk_keys;
pub mod codes;
mod delete;
mod domain_name;
mod external_id;
mod field_errors;
mod fields;
mod ids;
mod import;
mod installation;
mod item_error;
mod item_state;
mod labels;
mod merge;
mod name_policy;
mod new_batch;
mod new_tenant;
mod operation;
mod principal;
mod progress;
mod role;
mod role_name;
mod rollout;
mod schema_name;
mod selector;
mod settings;
mod settings_policy;
mod state;
mod storable;
mod suspend;
mod tenant_health;
mod tenant_name;
mod tenant_patch;
mod tenant_state;
mod text;
mod version;

pub use backoff::Backoff;
pub use bulk_keys::{KeysError, RevokeKeys, RotateKeys};
pub use codes::Code;
pub use delete::{Delete, DeleteError};
pub use domain_name::{Domain, DomainError};
pub use external_id::ExternalId;
pub use field_errors::{FieldError, FieldErrors, pointer_step};
pub use fields::{Fields, repeated_field};
pub use ids::{IdError, ItemId, OperationId, OperatorId, TenantId};
pub use import::Import;
pub use installation::{DatabaseMode, InstallationId, InstallationIdError};
pub use item_error::{ItemError, MAX_MESSAGE_BYTES};
pub use item_state::ItemState;
pub use labels::{Labels, label_pair};
pub use name_policy::{NamePolicy, Pattern};
pub use new_batch::{MAX_ITEM_BYTES, NewBatch, NewItem, Request};
pub use new_tenant::NewTenant;
pub use operation::{Direction, Kind, Migrate, Mode, OperationState};
pub use principal::Principal;
pub use progress::Progress;
pub use role::Role;
pub use role_name::{RoleName, RoleNameError};
pub use rollout::{
    Gate, HaltRules, MAX_BAKE_SECS, MAX_WAVES, OnFailure, PauseReason, Rollout, RolloutError,
    Verdict, Wave, WaveOrder, WaveState,
};
pub use schema_name::{SchemaName, SchemaNameError};
pub use selector::{Selector, SelectorError};
pub use settings::{Metadata, Settings};
pub use settings_policy::SettingsPolicy;
pub use state::UnknownState;
pub use storable::{MAX_DIGITS, unreadable};
pub use suspend::{Suspend, SuspendError, line_of_text};
pub use tenant_health::TenantHealth;
pub use tenant_name::TenantName;
pub use tenant_patch::{Changeable, SettingsDefaults, TenantPatch, Update};
pub use tenant_state::TenantState;
pub use text::TextError;
pub use version::{MAX_VERSION_CHARACTERS, Version};
