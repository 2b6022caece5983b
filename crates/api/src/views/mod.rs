//! Rows of the registry as the bodies that callers read.

pub(crate) mod counts;
pub(crate) mod item;
pub(crate) mod lines;
pub(crate) mod operation;
pub(crate) mod result_form;
mod under;
pub(crate) mod waiting;

pub(crate) use under::Under;
