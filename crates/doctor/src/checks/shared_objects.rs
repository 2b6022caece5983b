//! What all tenants share by the settings: extensions and tables.

use domain::InstallationId;
use sqlx::PgConnection;
use tenantdb::share;

use crate::{Kind, Subject, report::Gatherer};

/// Reports shared objects that are missing, and those that roles other than the owner may change.
pub(crate) async fn look(
    conn: &mut PgConnection,
    installation: &InstallationId,
    gatherer: &mut Gatherer<'_>,
) -> sqlx::Result<()> {
    if !gatherer.scope.wants(Kind::SharedObjectsDiffer) {
        return Ok(());
    }
    let set = gatherer.scope.migrations.clone();
    let faults = share::faults(conn, installation, set.shared()).await?;
    let missing = faults.missing.into_iter();
    let missing =
        missing.map(|it| format!("{it}; `tenantry migrate public up` says how to mend it"));
    for sentence in missing.chain(faults.open) {
        let subject = Subject::Control(sentence.clone());
        gatherer.add(Kind::SharedObjectsDiffer, subject, sentence, false);
    }
    Ok(())
}
