//! Kind `import`: a schema that is there becomes a tenant's.
//!
//! The first stage changes nothing: it asks whether the schema may be imported, and at which version it is. The second
//! one is one transaction, as that of `provision`. What it changes of the schema is kept in `tenantry.imports`, from
//! which an undo, a release and a deletion give it back (module `release`).

mod adopt;
mod baseline;
mod finish;

use std::{sync::Arc, time::Duration};

use domain::{Import, codes};
use engine::{During, Finish, Place, Plan, PlanError, Stage, Step, StepCx, StepError, StepName};
use serde::Serialize;
use store::items::Claim;

pub use self::baseline::{Baselines, Compared};
use self::{
    adopt::{AdoptSchema, RecordBaseline},
    finish::{AdoptKey, ArriveSuspended, OpenSchema, VerifyImported, WriteFirstRow},
};
use crate::{
    Parts,
    refusal::Refusal,
    steps::{Activate, CreateRole},
};

/// Longest time for learning what the migrations make at each version, once in a process, and for comparing.
const COMPARE_TIME: Duration = Duration::from_secs(600);

/// The plan.
///
/// # Errors
/// Never, as long as the steps' names differ: a test builds the plans.
pub fn plan(parts: &Arc<Parts>) -> Result<Plan, PlanError> {
    let one = || Arc::clone(parts);
    let baselines = Arc::new(Baselines::new(&parts.newest, &parts.newest_promise));
    let compare = Stage::new("compare").at(Place::Outside(COMPARE_TIME));
    let import = Stage::new("import")
        .step(CreateRole(one()))
        .step(AdoptSchema(one()))
        .step(RecordBaseline(one()))
        .step(OpenSchema(one()))
        .step(WriteFirstRow(Arc::clone(&baselines)))
        .step(VerifyImported { parts: one(), baselines: Arc::clone(&baselines) })
        .step(AdoptKey(one()))
        .step(Activate)
        .step(ArriveSuspended);
    Plan::new(vec![compare.step(CompareSchema(baselines)), import], Finish::Succeeded)
}

/// Finds the version that the schema is at.
#[derive(Debug)]
struct CompareSchema(Arc<Baselines>);

impl Step for CompareSchema {
    const NAME: StepName = StepName::new("compare_schema");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let (asked, schema) = (asked(cx.claim())?, &cx.tenant().schema);
        let compared = self.0.compare(cx.tx(), schema, &asked).await?;
        cx.note(&Imported { compared, from: schema.as_str() }, None);
        Ok(())
    }

    /// Nothing: looking leaves nothing.
    async fn undo(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
        Ok(())
    }
}

/// What the item came to.
#[derive(Debug, Serialize)]
struct Imported<'a> {
    #[serde(flatten)]
    compared: Compared,
    #[serde(rename = "schema_name")]
    from: &'a str,
}

/// What the first stage found.
fn compared(cx: &StepCx<'_>) -> Result<Compared, StepError> {
    let lost = || Refusal::permanent(codes::INTERNAL, "what the schema was compared with is lost");
    cx.noted().ok_or_else(lost).during("read what the schema was compared with")
}

/// What the item asks for.
fn asked(claim: &Claim) -> Result<Import, StepError> {
    let sent = claim.input.as_ref().map_or("{}", |input| input.get());
    let unreadable = || Refusal::permanent(codes::INTERNAL, "what was asked for cannot be read");
    Import::read(sent).ok_or_else(unreadable).during("read what was asked")
}
