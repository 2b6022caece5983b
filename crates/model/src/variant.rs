//! The protocol, and the ways to break it.

/// The protocol as it is, or with one of its rules left out.
///
/// A checker that finds nothing wrong proves little by itself; that it finds what is wrong with
/// each of these shows that it would.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Variant {
    /// Every rule in place.
    Real,
    /// A worker's writes do not look at the item's row at all.
    NoFence,
    /// A worker's writes look at the item's state, but not at the claim token.
    NoClaimToken,
    /// The claim does not ask whether the item's owner lives.
    ClaimIgnoresLiveOwner,
    /// What the dead own stays theirs: for the claim, and for the sweep.
    NoTakeOver,
    /// A stage commits its effect, and its checkpoint in a transaction of its own.
    CheckpointApart,
    /// The undo goes by the checkpoints read at the claim, not by those committed since.
    UndoGoesByClaim,
    /// A schema of that name is taken for the tenant's, and dropped by name.
    NoOwnershipMark,
    /// A cancel ends waiting items with a committed stage too.
    CancelEndsBegun,
    /// The end of an operation is written whether it has ended or not.
    NoSettleGuard,
    /// The end of an operation is written whatever the run it was seen in.
    SettlesAnyRun,
    /// An operator opens an item of an operation that is finished, and the operation stays so.
    StaysFinished,
    /// An operator opens an item of an operation that is not finished yet, and no new run begins.
    NoNewRunBeforeTheEnd,
    /// A worker counts the item it is about to end as ended already.
    SettleBeforeCommit,
    /// Only a worker that ended an item looks whether its operation is over, no sweep does.
    NoSweepSettle,
    /// Nobody looks for items without a live job.
    NoReconcile,
    /// A worker does not give back what it owns and lost track of, nor what the dead own.
    NoGiveBack,
    /// A worker gives back what it lost track of, but not what the dead own.
    GiveBackOwnOnly,
    /// A crash of the server may take a claim back under which a worker goes on.
    ClaimNotDurable,
    /// A claim does not ask whether another item holds the tenant.
    NoHold,
    /// An item that waits for one tenant keeps the other.
    WaitingHolds,
    /// A claim does not ask whether another item waits for the tenant already.
    Overtakes,
    /// The sweep does not look at items that wait for a tenant.
    SweepForgetsWaiting,
    /// A failure after the pivot unwinds.
    UndoAfterPivot,
    /// Whether the pivot is committed is asked of the worker, not of the checkpoints.
    PivotByMemory,
    /// A failure unwinds whatever the kind.
    UndoOfWhatStays,
    /// The ledger's token is raised by the stage, not before it.
    FenceRaisedByStage,
    /// A stage in the tenant database does not check the ledger's token.
    NoLedgerToken,
    /// The checkpoints of the control database are trusted, the ledger is not asked.
    TrustsCheckpoints,
    /// An item turns back under its claim without asking the ledger again.
    TurnsBackUnasked,
    /// What is recorded are all stages, not the ledger's own.
    RecordsAllStages,
    /// A cancel ends items that were claimed, and does not raise the ledger's token.
    CancelEndsClaimed,
}
