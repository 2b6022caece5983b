//! API keys: mint, hash, checksum, seal and open.
//!
//! A [`Minter`] makes an [`ApiKey`]. Its hash is what is stored and looked up; the secret
//! itself is kept only sealed, by a [`Sealer`], until its owner has fetched it. [`KeyRules`] are both, with
//! the times of the installation. [`parse_key`] turns
//! what a caller presents back into a hash, and finds a typing error without asking a database.
//! An [`OperatorToken`] is the same for Tenantry's own callers. Nothing in here prints a secret:
//! the only way to one is a method called `expose`.

mod api_key;
mod checksum;
mod hash;
mod login;
mod master_key;
mod minter;
mod operator_token;
mod random;
mod rules;
mod sealer;

pub use api_key::{ApiKey, KeyError, foreign_key, parse_key};
pub use login::LoginPassword;
pub use master_key::{KeyId, MasterKey, MasterKeyError, MasterKeys, MasterKeysError};
pub use minter::{Minter, MinterError};
pub use operator_token::{OperatorToken, hash_operator_token, parse_operator_token};
pub use rules::KeyRules;
pub use sealer::{SealError, Sealer};
