//! Holds the configured master key against the installation's, and opens all that lies sealed.

use sqlx::PgConnection;
use store::master_keys;

use crate::{Kind, Subject, report::Gatherer};

/// Secrets read at a time.
const PAGE: i64 = 1_000;

/// Finds a master key that is not the installation's, and secrets that it does not open. Looks at
/// nothing without a configured key.
pub(crate) async fn walk(conn: &mut PgConnection, gatherer: &mut Gatherer<'_>) -> sqlx::Result<()> {
    let Some(sealer) = &gatherer.scope.sealer else { return Ok(()) };
    let ours: Vec<String> = sealer.ids().map(|id| id.to_string()).collect();
    let current = master_keys::current(conn).await?;
    if let Some(current) = current.filter(|current| !ours.contains(current)) {
        let sentence = format!(
            "the master key here has the fingerprint {}, and the installation's has {current}",
            ours.join(" and ")
        );
        gatherer.add(Kind::MasterKeyDiffers, Subject::MasterKey(current), sentence, false);
    }
    let mut after = 0;
    loop {
        let page = master_keys::sealed_after(conn, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        for secret in &page {
            let Err(error) = sealer.open(&secret.sealed, secret.tenant) else { continue };
            let sentence = format!("API key {} of tenant {}: {error}", secret.id, secret.tenant);
            gatherer.add(Kind::SealedUnreadable, Subject::Key(secret.id), sentence, false);
        }
    }
}
