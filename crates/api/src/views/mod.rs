//! Rows of the registry as the bodies that callers read.

pub(crate) mod counts;
pub(crate) mod item;
pub(crate) mod lines;
pub(crate) mod operation;
pub(crate) mod queue;
pub(crate) mod result_form;
pub(crate) mod tenant;
mod under;
pub(crate) mod waiting;

pub(crate) use under::Under;
