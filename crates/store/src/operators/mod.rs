//! Operator tokens: who may call the API, and as what. Only hashes are stored.

mod authenticate;
mod create;
mod list;
mod revoke;
mod touch;

pub use authenticate::{Operator, authenticate};
pub use create::{NewOperator, create};
pub use list::{OperatorRow, list};
pub use revoke::revoke;
pub use touch::touch;
