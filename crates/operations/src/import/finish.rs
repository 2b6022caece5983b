//! Gives an imported tenant what every tenant has: rights, its own row, a check, a key, its state.

use std::sync::Arc;

use domain::codes;
use engine::{During, Step, StepCx, StepError, StepName};
use store::{api_keys, imports as kept, tenants};
use tenantdb::{
    door::{self, CLOSED, Door, OPEN},
    grants, imports, own_row, verify,
};

use super::{asked, baseline::Baselines, compared};
use crate::{
    Parts,
    refusal::Refusal,
    steps::{IssueKey, Refuted, row_of},
};

/// Why a tenant is suspended that was inactive where it came from.
const WAS_INACTIVE: &str = "it was inactive when it was imported";

/// Gives the tenant's role its rights on all that is in the schema, and on what its owner makes there later.
#[derive(Debug)]
pub(super) struct OpenSchema(pub(super) Arc<Parts>);

impl Step for OpenSchema {
    const NAME: StepName = StepName::new("open_schema");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant();
        if let Some(application) = &self.0.application {
            application.join(cx.tx(), &tenant.role).await?;
        }
        grants::regrant(cx.tx(), &tenant.schema, &tenant.role).await.during("grant access")
    }

    async fn undo(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant();
        if let Some(application) = &self.0.application {
            application.leave(cx.tx(), &tenant.role).await?;
        }
        let what = "revoke access";
        let kept = kept::of(cx.tx(), &[tenant.id]).await.during(what)?.remove(&tenant.id);
        let Some(kept) = kept else { return Ok(()) };
        let found = kept.found.to_string();
        imports::give_rights_back(cx.tx(), &tenant.schema, &tenant.role, &found).await.during(what)
    }
}

/// Writes the tenant's row into its table `tenant`, if the migrations make one and it is empty: rows that are there
/// are data.
#[derive(Debug)]
pub(super) struct WriteFirstRow(pub(super) Arc<Baselines>);

impl Step for WriteFirstRow {
    const NAME: StepName = StepName::new("write_first_row");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let (tenant, version) = (cx.tenant(), compared(cx)?.version);
        let promise = self.0.promise_at(cx.tx(), version.as_deref()).await?;
        let what = "write the tenant's own row";
        let fits = promise.has_own_row()
            && own_row::fitting(cx.tx(), &[&tenant.schema]).await.during(what)? == [true];
        if !fits || !own_row::is_empty(cx.tx(), &tenant.schema).await.during(what)? {
            return Ok(());
        }
        own_row::write(cx.tx(), &[row_of(tenant)]).await.during(what)?;
        kept::wrote_own_row(cx.tx(), tenant.id).await.during(what)
    }

    /// Nothing: what gives the schema back takes it.
    async fn undo(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
        Ok(())
    }
}

/// Checks role and rights as of every tenant, and once more that the schema is at its version.
#[derive(Debug)]
pub(super) struct VerifyImported {
    pub(super) parts: Arc<Parts>,
    pub(super) baselines: Arc<Baselines>,
}

impl Step for VerifyImported {
    const NAME: StepName = StepName::new("verify_imported");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let (asked, version) = (asked(cx.claim())?, compared(cx)?.version);
        let promise = self.baselines.promise_at(cx.tx(), version.as_deref()).await?;
        let subjects = self.parts.subjects(std::slice::from_ref(cx.claim()));
        verify::verify_imported(cx.tx(), &subjects[0], &promise, |it| asked.allows(&it.object))
            .await
            .map_err(Refuted)
            .during("verify the tenant")
    }

    /// Nothing: looking leaves nothing.
    async fn undo(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
        Ok(())
    }
}

/// Keeps the API key that the tenant has already, or gives it one.
#[derive(Debug)]
pub(super) struct AdoptKey(pub(super) Arc<Parts>);

impl Step for AdoptKey {
    const NAME: StepName = StepName::new("adopt_key");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let asked = asked(cx.claim())?;
        let Some(hash) = asked.key_hash() else {
            return IssueKey(Arc::clone(&self.0)).apply(cx).await;
        };
        let (tenant, operation) = (cx.tenant().id, cx.claim().operation);
        let last4 = asked.api_key_last4.unwrap_or_default();
        let what = "keep the API key";
        if api_keys::adopt(cx.tx(), tenant, operation, &hash, &last4).await.during(what)? {
            return Ok(());
        }
        let told = "its API key is another tenant's";
        Err(Refusal::told(codes::IMPORT_REFUSED, told)).during(what)
    }

    async fn undo(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let Some(hash) = asked(cx.claim())?.key_hash() else {
            return IssueKey(Arc::clone(&self.0)).undo(cx).await;
        };
        let tenant = cx.tenant().id;
        api_keys::disown(cx.tx(), tenant, &hash).await.during("give the API key up")
    }
}

/// Suspends a tenant that was inactive where it came from.
#[derive(Debug)]
pub(super) struct ArriveSuspended;

impl Step for ArriveSuspended {
    const NAME: StepName = StepName::new("arrive_suspended");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant();
        let asked = asked(cx.claim())?;
        let told: Option<super::Compared> = cx.noted();
        if asked.suspended {
            let what = "suspend the tenant";
            if kept::suspend(cx.tx(), tenant.id, WAS_INACTIVE).await.during(what)? {
                let door = Door { role: &tenant.role, schema: &tenant.schema };
                door::set(cx.tx(), &[(door, OPEN, CLOSED)]).await.during(what)?;
                let rights = serde_json::to_value(OPEN).ok();
                tenants::keep_rights(cx.tx(), &[(tenant.id, rights)]).await.during(what)?;
            }
        }
        cx.note(&told, Some("tenant.imported"));
        Ok(())
    }

    async fn undo(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant().id;
        kept::unsuspend(cx.tx(), tenant).await.during("take the suspension back")
    }
}
