//! Gives the tenant its first API key.
//!
//! Only the hash stays. The secret lies sealed until it is acknowledged or its time is over, and
//! is nowhere else: not in the job, the log, the audit or an error.

use std::sync::Arc;

use engine::{During, GroupCx, Step, StepCx, StepError, StepName};
use store::api_keys;

use crate::{Parts, keys};

/// Mints a key, unless the tenant has a live one.
#[derive(Debug)]
pub struct IssueKey(pub Arc<Parts>);

impl Step for IssueKey {
    const NAME: StepName = StepName::new("issue_key");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        cx.as_group(self).await
    }

    async fn apply_all(&self, cx: &mut GroupCx<'_>) -> Result<(), StepError> {
        let (claims, tx) = (cx.claims(), cx.tx());
        let rules = &self.0.keys;
        keys::issue(rules, claims, rules.valid_for, 1, tx).await.during("issue the API key")?;
        Ok(())
    }

    async fn undo(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let tenant = cx.tenant().id;
        api_keys::withdraw(cx.tx(), tenant).await.during("withdraw the API key")
    }
}
