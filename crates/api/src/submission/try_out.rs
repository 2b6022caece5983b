//! Says what would become of a submission, in a transaction that is rolled back.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use contract::{DryRun, DryRunRow};
use domain::{Kind, OperationId};

use super::{
    admit::{Admission, Admitted, patiently},
    parse,
    read::Slices,
};
use crate::{context::Context, http::problem::Problem, views};

/// What each of `tenants` would come to if they were submitted now.
///
/// # Errors
/// 422 when the time to start is past; 503 when the database does not answer.
pub(crate) async fn try_out(
    cx: &Context,
    kind: Kind,
    tenants: &Arc<Slices>,
    run_at: Option<DateTime<Utc>>,
) -> Result<DryRun, Problem> {
    parse::check_run_at(run_at)?;
    let rows = patiently(|| once(cx, kind, tenants, run_at)).await?;
    let bad = rows.iter().filter(|row| row.error.is_some()).count();
    Ok(DryRun { tenants: rows.len(), bad, rows })
}

async fn once(
    cx: &Context,
    kind: Kind,
    tenants: &Arc<Slices>,
    run_at: Option<DateTime<Utc>>,
) -> Result<Vec<DryRunRow>, Problem> {
    let installation = cx.installation().await?;
    let batch = OperationId::mint();
    let admission = Admission { cx, installation, batch, kind, tenants, run_at, ahead: 0 };
    let mut tx = cx.pool().begin().await?;
    let mut rows = Vec::with_capacity(tenants.len());
    let mut chunks = admission.chunks();
    while let Some((rest, items)) = chunks.next().await? {
        chunks = rest;
        rows.extend(admission.reserve(&mut tx, items).await?.into_iter().map(row));
    }
    tx.rollback().await?;
    Ok(rows)
}

fn row(Admitted { index, request, outcome }: Admitted) -> DryRunRow {
    let row = DryRunRow {
        index,
        tenant_name: request.tenant_name,
        domain: request.domain,
        schema_name: None,
        error: None,
    };
    match outcome {
        Ok(names) => DryRunRow {
            domain: Some(names.domain),
            schema_name: Some(names.schema.as_str().to_owned()),
            ..row
        },
        Err(error) => DryRunRow { error: Some(views::item::error(&error)), ..row },
    }
}
