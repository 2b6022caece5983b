//! Checks a live system against what must always hold, and repairs what it is told to.
//!
//! [`examine`] looks at everything in one read-only snapshot: what commits together is seen
//! together, so work that is under way is no trouble. What it finds are [`Finding`]s, each of a
//! [`Kind`] with a stable name. [`fix`] repairs one kind: every finding is proved again in a
//! transaction of its own, under the locks that workers take, and what cannot be proved any more
//! is refused. A schema or role without this installation's mark is a stranger's: it is never
//! reported as ours, and never touched.
//!
//! A check is one statement in a file of its own in `checks/`; a few walk in pages instead. A
//! repair is one file in `fixes/`.
//!
//! The statements here read across the whole control database, the queue's tables and the
//! catalogues, which no part of the product does: none belongs into `store`, whose statements
//! never cost more with more tenants. They are static texts, not checked at build time, since
//! apalis' tables and the shared catalogues are not described there; the tests run every one.

mod check;
mod checks;
mod examine;
mod finding;
mod fix;
mod fixes;
mod kind;
mod names;
mod report;
mod scope;

pub use examine::{ExamineError, examine};
pub use finding::{Finding, Subject};
pub use fix::{FixError, Fixed, Refusal, fix};
pub use kind::{Kind, UnknownKind};
pub use report::{Checked, Report};
pub use scope::{Depth, Scope};
