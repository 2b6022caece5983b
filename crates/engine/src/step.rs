//! Steps.

use std::{fmt, future::Future};

use futures::future::BoxFuture;
use sqlx::PgConnection;
use store::{
    Connections,
    items::{Claim, ClaimedTenant},
};

use crate::StepError;

/// The durable name of a step: stands in checkpoints, results and metrics, so it is never
/// changed once released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StepName(&'static str);

impl StepName {
    /// A name, in `snake_case`.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name as text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What a step works with: the claimed item, its tenant, and the stage's open transaction.
#[derive(Debug)]
pub struct StepCx<'a> {
    claim: &'a Claim,
    conn: &'a mut PgConnection,
    /// Where a stage outside of a transaction opens sessions.
    sessions: Option<&'a Connections>,
}

impl<'a> StepCx<'a> {
    /// A context for one step; `conn` must be inside a transaction.
    pub fn new(claim: &'a Claim, conn: &'a mut PgConnection) -> Self {
        Self { claim, conn, sessions: None }
    }

    /// The same for a stage outside of a transaction, which may open sessions as those of `pool`.
    #[must_use]
    pub(crate) fn outside(self, pool: &'a Connections) -> Self {
        Self { sessions: Some(pool), ..self }
    }

    /// The claim under which the step runs.
    #[must_use]
    pub fn claim(&self) -> &'a Claim {
        self.claim
    }

    /// The tenant to be made or unmade.
    #[must_use]
    pub fn tenant(&self) -> &'a ClaimedTenant {
        &self.claim.tenant
    }

    /// The stage's transaction; in a stage outside of one, a connection in none.
    pub fn tx(&mut self) -> &mut PgConnection {
        self.conn
    }

    /// A session of its own on the tenant's database, in a stage outside of a transaction.
    ///
    /// # Errors
    /// When the server refuses another session, or the stage is in a transaction.
    pub async fn open_session(&self) -> sqlx::Result<PgConnection> {
        let in_transaction = || sqlx::Error::Protocol("the stage is in a transaction".to_owned());
        let pool = self.sessions.ok_or_else(in_transaction)?;
        store::open(&pool.connect_options()).await
    }
}

/// One idempotent act, with its `undo` beside it.
///
/// The contract, which [`crate::assert_contract`] checks: `apply` twice is `apply` once; an
/// `apply` that is rolled back leaves nothing; `apply_all` leaves what `apply` to each would;
/// `undo` before `apply` does nothing; `undo` twice
/// is `undo` once; `undo` never touches what this tenant's own provisioning did not make.
pub trait Step: fmt::Debug + Send + Sync + 'static {
    /// The step's durable name.
    const NAME: StepName;

    /// Brings the step's effect about, looking first at what is there already.
    fn apply(&self, cx: &mut StepCx<'_>) -> impl Future<Output = Result<(), StepError>> + Send;

    /// Brings the step's effect about for several items at once, of whose tenants nothing is there
    /// yet: whatever a step before this one in the stage did not make, is absent. When it fails, all
    /// of it is rolled back and each item is taken by itself, so it need not look, nor say whose
    /// fault it was; it is for speed alone. Left out, the items are taken one after the other.
    fn apply_all(
        &self,
        claims: &[Claim],
        tx: &mut PgConnection,
    ) -> impl Future<Output = Result<(), StepError>> + Send {
        async move {
            for claim in claims {
                self.apply(&mut StepCx::new(claim, tx)).await?;
            }
            Ok(())
        }
    }

    /// Takes the step's effect back, as far as it is there and ours.
    fn undo(&self, cx: &mut StepCx<'_>) -> impl Future<Output = Result<(), StepError>> + Send;
}

/// A [`Step`] of any type: what stages hold.
pub trait AnyStep: fmt::Debug + Send + Sync {
    /// The step's durable name.
    fn name(&self) -> StepName;

    /// See [`Step::apply`].
    fn apply_any<'a>(&'a self, cx: &'a mut StepCx<'_>) -> BoxFuture<'a, Result<(), StepError>>;

    /// See [`Step::apply_all`].
    fn apply_all_any<'a>(
        &'a self,
        claims: &'a [Claim],
        tx: &'a mut PgConnection,
    ) -> BoxFuture<'a, Result<(), StepError>>;

    /// See [`Step::undo`].
    fn undo_any<'a>(&'a self, cx: &'a mut StepCx<'_>) -> BoxFuture<'a, Result<(), StepError>>;
}

impl<S: Step> AnyStep for S {
    fn name(&self) -> StepName {
        S::NAME
    }

    fn apply_any<'a>(&'a self, cx: &'a mut StepCx<'_>) -> BoxFuture<'a, Result<(), StepError>> {
        Box::pin(self.apply(cx))
    }

    fn apply_all_any<'a>(
        &'a self,
        claims: &'a [Claim],
        tx: &'a mut PgConnection,
    ) -> BoxFuture<'a, Result<(), StepError>> {
        Box::pin(self.apply_all(claims, tx))
    }

    fn undo_any<'a>(&'a self, cx: &'a mut StepCx<'_>) -> BoxFuture<'a, Result<(), StepError>> {
        Box::pin(self.undo(cx))
    }
}
