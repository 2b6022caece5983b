//! Steps.

use std::{fmt, future::Future};

use futures::future::BoxFuture;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use sqlx::PgConnection;
use store::{
    Connections,
    checkpoints::Noted,
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
    noted: Noted,
}

impl<'a> StepCx<'a> {
    /// A context for the steps of one stage; `conn` must be inside a transaction.
    pub fn new(claim: &'a Claim, conn: &'a mut PgConnection) -> Self {
        Self { claim, conn, sessions: None, noted: Noted::default() }
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

    /// Applies the step as to a group of this one item: for steps with an [`Step::apply_all`] of their own.
    ///
    /// # Errors
    /// Those of [`Step::apply_all`].
    pub async fn as_group<S: Step>(&mut self, step: &S) -> Result<(), StepError> {
        let noted = vec![std::mem::take(&mut self.noted)];
        let claims = std::slice::from_ref(self.claim);
        let mut cx = GroupCx { noted, ..GroupCx::new(claims, self.conn) };
        step.apply_all(&mut cx).await?;
        self.noted = cx.noted.remove(0);
        Ok(())
    }

    /// What the steps before this one noted, in this stage or in an earlier one.
    #[must_use]
    pub fn noted<T: DeserializeOwned>(&self) -> Option<T> {
        let noted = self.noted.result.as_ref().or(self.claim.result.as_ref())?;
        T::deserialize(noted).ok()
    }

    /// Notes what the item came to so far, and where its tenant was changed, the `action`: the stage's
    /// checkpoint records them as the item's result and in the audit log.
    pub fn note(&mut self, result: &impl Serialize, action: Option<&str>) {
        note(&mut self.noted, result, action);
    }

    pub(crate) fn into_noted(self) -> Noted {
        self.noted
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

/// What a step works with for several items at once: their claims, and the stage's open transaction.
#[derive(Debug)]
pub struct GroupCx<'a> {
    claims: &'a [Claim],
    conn: &'a mut PgConnection,
    noted: Vec<Noted>,
}

impl<'a> GroupCx<'a> {
    /// A context for the steps of one stage; `conn` must be inside a transaction.
    pub fn new(claims: &'a [Claim], conn: &'a mut PgConnection) -> Self {
        Self { claims, conn, noted: vec![Noted::default(); claims.len()] }
    }

    /// The claims under which the step runs.
    #[must_use]
    pub fn claims(&self) -> &'a [Claim] {
        self.claims
    }

    /// The stage's transaction.
    pub fn tx(&mut self) -> &mut PgConnection {
        self.conn
    }

    /// Applies the step to each item in turn.
    ///
    /// # Errors
    /// The first that the step meets.
    pub async fn one_by_one<S: Step>(&mut self, step: &S) -> Result<(), StepError> {
        for at in 0..self.claims.len() {
            let noted = std::mem::take(&mut self.noted[at]);
            let mut cx = StepCx { noted, ..StepCx::new(&self.claims[at], self.conn) };
            step.apply(&mut cx).await?;
            self.noted[at] = cx.noted;
        }
        Ok(())
    }

    /// Notes of the item at this place what [`StepCx::note`] notes.
    pub fn note(&mut self, at: usize, result: &impl Serialize, action: Option<&str>) {
        note(&mut self.noted[at], result, action);
    }

    /// Notes of the item at this place what names the customer of the change that [`Self::note`] tells, as an object:
    /// under `before` and `after`. The audit log keeps it apart, so that it can be erased; the item's result must not
    /// have it.
    pub fn note_personal(&mut self, at: usize, personal: Value) {
        self.noted[at].personal = Some(personal);
    }

    pub(crate) fn into_noted(self) -> Vec<Noted> {
        self.noted
    }
}

fn note(noted: &mut Noted, result: &impl Serialize, action: Option<&str>) {
    noted.result = serde_json::to_value(result).ok();
    noted.action = action.map(str::to_owned);
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

    /// Brings the step's effect about for several items at once, each on its first claim. Of a tenant that
    /// is being made, only what earlier steps of the stage made is there. When it fails, everything is
    /// rolled back and each item is taken by itself, so it need not say whose fault it was. It is for speed
    /// alone: without it, the step is applied to one item after the other.
    fn apply_all(&self, cx: &mut GroupCx<'_>) -> impl Future<Output = Result<(), StepError>> + Send
    where
        Self: Sized,
    {
        cx.one_by_one(self)
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
    fn apply_all_any<'a>(&'a self, cx: &'a mut GroupCx<'_>)
    -> BoxFuture<'a, Result<(), StepError>>;

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
        cx: &'a mut GroupCx<'_>,
    ) -> BoxFuture<'a, Result<(), StepError>> {
        Box::pin(self.apply_all(cx))
    }

    fn undo_any<'a>(&'a self, cx: &'a mut StepCx<'_>) -> BoxFuture<'a, Result<(), StepError>> {
        Box::pin(self.undo(cx))
    }
}
