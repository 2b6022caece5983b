//! Repairs what it is told to, and nothing that it cannot prove.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::json;
use sqlx::{PgConnection, PgPool};
use store::audit;
use tenantdb::Promise;
use tracing::info;

use crate::{
    Depth, ExamineError, Finding, Kind, Scope, Subject, examine,
    repair::{self, Deed, Stop, Surgery},
};

/// What came of repairing one kind of trouble.
#[derive(Debug, Clone, Serialize)]
pub struct Fixed {
    /// The kind.
    pub kind: Kind,
    /// What was repaired.
    pub done: Vec<Subject>,
    /// What was left as it is.
    pub refused: Vec<Refusal>,
}

/// Something that was left as it is, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// What it is.
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
    /// The database failed.
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
    let scope = Scope { depth: Depth::Shallow, ..scope.only([kind]) };
    let installation = store::installation(&mut *pool.acquire().await?).await?;
    let promise = match kind {
        Kind::ShapeDiffers => Some(learn(pool, &scope).await?),
        _ => None,
    };
    let surgery = Surgery { installation, scope: &scope, promise };
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
            repair(pool, finding, &surgery, actor, &mut fixed).await?;
        }
    }
}

async fn learn(pool: &PgPool, scope: &Scope) -> Result<Promise, FixError> {
    let promise = Promise::learn(&mut *pool.acquire().await?, &scope.migrations).await;
    promise.map_err(|e| FixError::Examine(ExamineError::Migrations(e)))
}

async fn repair(
    pool: &PgPool,
    finding: Finding,
    surgery: &Surgery<'_>,
    actor: &str,
    fixed: &mut Fixed,
) -> Result<(), FixError> {
    let Finding { kind, subject, sentence, fixable } = finding;
    if !fixable {
        let reason = format!("an operator has to look: {sentence}");
        fixed.refused.push(Refusal { subject, reason });
        return Ok(());
    }
    let mut tx = pool.begin().await?;
    match repair::repair(&mut tx, kind, &subject, surgery).await {
        Ok(deed) => {
            record(&mut tx, deed, kind, actor).await?;
            tx.commit().await?;
            info!(doctor.kind = %kind, "repaired {kind}: {subject}");
            fixed.done.push(subject);
            return Ok(());
        }
        Err(Stop::Gone) => {}
        Err(Stop::Refused(reason)) => fixed.refused.push(Refusal { subject, reason }),
        Err(Stop::Failed(error)) => return Err(error),
    }
    Ok(tx.rollback().await?)
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

async fn record(conn: &mut PgConnection, deed: Deed, kind: Kind, actor: &str) -> sqlx::Result<()> {
    let Deed { action, tenant, operation, mut detail } = deed;
    detail["doctor"] = json!(kind);
    audit::append(
        conn,
        audit::Entry { actor, action, tenant, operation, detail, ..audit::Entry::default() },
    )
    .await
}
