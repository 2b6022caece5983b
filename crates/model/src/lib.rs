//! The protocol of items, claims, stages and settling as a small model, and what must hold in
//! every state it can reach, whatever happens to workers, jobs and answers on the way.
mod action;
mod handler;
mod properties;
mod protocol;
mod state;
mod symmetry;
mod variant;

pub use action::{Action, Answer};
pub use properties::{
    ACTIVATED_ONCE, ALL_ENDS, ENDS_STAY, FINISHED_IS_OVER, FINISHED_ONCE, MOVES_ARE_LEGAL,
    NO_REMAINS, NO_STALE_COMMIT, NOT_STOLEN, STRANGERS_SAFE, VISIBLE_IFF_SUCCEEDED,
};
pub use protocol::Protocol;
pub use state::{
    Batch, Hand, Item, Job, Owner, Phase, Process, Reason, Row, Schema, Stage, Stages, State,
    Worker, Wrong,
};
pub use symmetry::representative;
pub use variant::Variant;
