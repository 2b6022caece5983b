//! Repairs what it is told to, and nothing that it cannot prove.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::json;
use sqlx::PgPool;
use store::audit::{self, By};
use tenantdb::Promise;
use tracing::info;

use crate::{
    Depth, ExamineError, Finding, Kind, Scope, Subject, examine,
    repair::{self, Repair, Stop},
};

/// What came of repairing one kind of trouble.
#[derive(Debug, Clone, Serialize)]
pub struct Fixed {
    pub kind: Kind,
    pub done: Vec<Subject>,
    /// What was left as it is.
    pub refused: Vec<Refusal>,
}

/// Something that was left as it is, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    pub subject: Subject,
    /// Why it was not repaired.
    pub reason: String,
}

/// Why repairs came to a halt. What was repaired by then stays so.
#[derive(Debug, thiserror::Error)]
pub enum FixError {
    /// People have to look at this kind of trouble.
    #[error("there is no repair for {0}")]
    NotFixable(Kind),
    /// What there is to repair could not be found out.
    #[error("could not look for what is to be repaired")]
    Examine(#[source] ExamineError),
    #[error("could not repair")]
    Database(#[from] sqlx::Error),
}

/// Repairs every finding of `kind`, each proved again in a transaction of its own that also
/// writes the audit row. Running it again does nothing more. `actor` is who the audit log says it
/// was: `cli:<user>`.
///
/// # Errors
/// When there is no repair for the kind, or the database fails.
pub async fn fix(pool: &PgPool, kind: Kind, scope: &Scope, actor: &str) -> Result<Fixed, FixError> {
    if !kind.is_fixable() {
        return Err(FixError::NotFixable(kind));
    }
    // A tenant's own row is looked at with what lies in its schema.
    let of_own_row = matches!(kind, Kind::OwnRowDiffers | Kind::OwnRowMissing);
    let depth = if of_own_row { Depth::All } else { Depth::Shallow };
    let scope = Scope { depth, ..scope.only([kind]) };
    let installation = store::installation(&mut *pool.acquire().await?).await?;
    let promise = match kind {
        Kind::ShapeDiffers => {
            let learnt = Promise::learn(&mut *pool.acquire().await?, &scope.migrations).await;
            Some(learnt.map_err(|e| FixError::Examine(ExamineError::Migrations(e)))?)
        }
        _ => None,
    };
    let mut fixed = Fixed { kind, done: Vec::new(), refused: Vec::new() };
    let mut seen = BTreeSet::new();
    loop {
        let report = examine(pool, &scope).await.map_err(FixError::Examine)?;
        let fresh: Vec<Finding> =
            report.findings.into_iter().filter(|f| seen.insert(f.subject.clone())).collect();
        // A report is limited, so there may be more behind what has been repaired by now.
        if fresh.is_empty() {
            tell(pool, &fixed).await;
            return Ok(fixed);
        }
        for finding in fresh {
            let mut tx = pool.begin().await?;
            let mut cx = Repair {
                conn: &mut tx,
                by: By::process(actor),
                installation: &installation,
                scope: &scope,
                promise: promise.as_ref(),
            };
            match repair(&mut cx, finding, &mut fixed).await? {
                true => tx.commit().await?,
                false => tx.rollback().await?,
            }
        }
    }
}

/// Repairs one finding and records it; false if it was left as it is.
async fn repair(
    cx: &mut Repair<'_>,
    finding: Finding,
    fixed: &mut Fixed,
) -> Result<bool, FixError> {
    let Finding { kind, subject, sentence, fixable } = finding;
    if !fixable {
        let reason = format!("an operator has to look: {sentence}");
        fixed.refused.push(Refusal { subject, reason });
        return Ok(false);
    }
    match repair::repair(cx, kind, &subject).await {
        Ok(mut entry) => {
            entry.detail["doctor"] = json!(kind);
            audit::append(cx.conn, entry).await?;
            info!(doctor.kind = %kind, "repaired {kind}: {subject}");
            fixed.done.push(subject);
            return Ok(true);
        }
        Err(Stop::Gone) => {}
        Err(Stop::Refused(reason)) => fixed.refused.push(Refusal { subject, reason }),
        Err(Stop::Failed(error)) => return Err(error),
    }
    Ok(false)
}

/// Tells the processes what the repairs have for them.
async fn tell(pool: &PgPool, fixed: &Fixed) {
    let bell = match fixed.kind {
        Kind::ItemOwnedByDeadWorker | Kind::ItemWithoutJob => queue::Bell::Jobs,
        Kind::OperationShouldHaveEnded => queue::Bell::Ends,
        _ => return,
    };
    if !fixed.done.is_empty() {
        queue::ring(&pool.clone().into(), bell).await;
    }
}
