//! Checks a live system against what must always hold, and repairs what it is told to.
//!
//! [`examine`] looks at everything in one read-only snapshot: what commits together is seen
//! together, so work that is under way is no trouble. What it finds are [`Finding`]s, each of a
//! [`Kind`] with a stable name. [`fix`] repairs one kind: every finding is proved again in a
//! transaction of its own, under the locks that workers take, and what cannot be proved any more
//! is refused. A schema or role without this installation's mark is a stranger's: it is never
//! reported as ours, and never touched.
//!
//! `checks/` has a file a subject: its checks, most of them one statement in a table, and the
//! repairs beside them.
//!
//! The statements here read across the whole control database, the queue's tables and the
//! catalogues, as no part of the product does. So they are not in `store`, where no statement costs
//! more with more tenants. They are static texts that no build checks, as the queue's tables and
//! the shared catalogues are not described there; the tests run every one.

mod check;
mod checks;
mod examine;
mod finding;
mod fix;
mod keep;
mod kind;
mod pages;
mod registered;
mod repair;
mod report;
mod scope;

pub use checks::promise::{Drift, References, TenantCheck, TenantReport, connect};
pub use examine::{ExamineError, examine};
pub use finding::{Finding, Subject};
pub use fix::{FixError, Fixed, Refusal, fix};
pub use keep::{keep_examination, keep_tenant};
pub use kind::{Kind, UnknownKind};
pub use report::{Checked, Report};
pub use scope::{Depth, Scope};
