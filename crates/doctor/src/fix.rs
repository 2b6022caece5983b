//! Repairs what it is told to, and nothing that it cannot prove.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::json;
use sqlx::PgPool;
use store::audit;
use tenantdb::Promise;
use tracing::info;

use crate::{
    Depth, ExamineError, Finding, Kind, Scope, Subject, checks, examine,
    fixes::{self, Deed, Outcome, Surgery},
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
    let Scope { dead_after, connection_limit, ref application_role, .. } = scope;
    let application_role = application_role.clone();
    let path = scope.migrations.path();
    let surgery =
        Surgery { installation, dead_after, connection_limit, application_role, promise, path };
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
    surgery: &Surgery,
    actor: &str,
    fixed: &mut Fixed,
) -> Result<(), FixError> {
    let Finding { kind, subject, sentence, fixable } = finding;
    if !fixable {
        fixed
            .refused
            .push(Refusal { subject, reason: format!("an operator has to look: {sentence}") });
        return Ok(());
    }
    let mut tx = pool.begin().await?;
    match fixes::repair(&mut tx, kind, &subject, surgery).await {
        Ok(Outcome::Done(deed)) => {
            record(&mut tx, &deed, kind, actor).await?;
            tx.commit().await?;
            info!(doctor.kind = %kind, "repaired {kind}: {subject}");
            fixed.done.push(subject);
        }
        Ok(Outcome::Gone) => tx.rollback().await?,
        Ok(Outcome::Refused(reason)) => {
            tx.rollback().await?;
            fixed.refused.push(Refusal { subject, reason });
        }
        Err(FixError::Database(error)) => {
            let Some(reason) = obstacle(&error) else { return Err(error.into()) };
            tx.rollback().await?;
            fixed.refused.push(Refusal { subject, reason });
        }
        Err(error) => return Err(error),
    }
    Ok(())
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

/// What is said when the subject itself is in the way, by the database or by its own row.
fn obstacle(error: &sqlx::Error) -> Option<String> {
    if let sqlx::Error::Decode(why) = error {
        return Some(format!("an operator has to look: {why}"));
    }
    let database = error.as_database_error()?;
    let reason = match database.code()?.as_ref() {
        "2BP01" => "something in the database still depends on it",
        "55P03" => "somebody is using it; try again",
        "40P01" => "somebody was working on it; try again",
        "42501" => {
            return Some(format!("the connected role may not do this: {}", database.message()));
        }
        _ if checks::promise::is_about_one(error) => {
            return Some(format!("the database refused: {}", database.message()));
        }
        _ => return None,
    };
    Some(reason.to_owned())
}

async fn record(
    conn: &mut sqlx::PgConnection,
    deed: &Deed,
    kind: Kind,
    actor: &str,
) -> sqlx::Result<()> {
    let mut detail = deed.detail.clone();
    if let Some(fields) = detail.as_object_mut() {
        fields.insert("doctor".to_owned(), json!(kind));
    }
    let entry = audit::Entry {
        actor,
        action: deed.action,
        tenant: deed.tenant,
        operation: deed.operation,
        detail,
        ..audit::Entry::default()
    };
    audit::append(conn, entry).await
}
