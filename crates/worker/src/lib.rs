//! The worker: takes jobs, provisions their items, and keeps the system moving.
//!
//! [`run`] is the whole process, one life (`life`) after another. In each the queue puts the
//! items of its jobs into the `inbox`; the `lane`s take them from there in groups, have them provisioned, and tell of the `outcome`. Beside the lanes a life says that it
//! lives (`heartbeat`), sees to whole operations (`settler`), follows what new tenants are given (`births`), mends what others left behind (`sweeper`), looks at tenants (`checker`) and at the whole
//! (`examiner`), and answers `/healthz`, `/readyz` and `/metrics` (`health`). It drains when it
//! is told to stop.

mod births;
mod build;
mod checker;
mod examiner;
mod health;
mod heartbeat;
mod in_progress;
mod inbox;
mod keeper;
mod lane;
mod life;
mod outcome;
mod pools;
mod run;
mod settler;
mod sweeper;

pub use build::{
    BuildError, build_parts, configured_migrations, reading, shared, shared_migrations,
    shared_reading, shared_schema,
};
pub use life::{host, rules};
pub use run::{StartError, run};
