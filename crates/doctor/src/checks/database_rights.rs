//! What every role of the cluster may do in the database, and tenants' roles with it.

use domain::DatabaseMode;
use sqlx::PgConnection;
use tenantdb::public_rights;

use crate::{Kind, Subject, report::Gatherer};

/// Tells in one finding what PUBLIC may do: as a trouble if the database is Tenantry's own, else as
/// what was chosen.
pub(crate) async fn look(conn: &mut PgConnection, gatherer: &mut Gatherer<'_>) -> sqlx::Result<()> {
    if !gatherer.scope.wants_any(&[Kind::DatabaseRights, Kind::DatabaseShared]) {
        return Ok(());
    }
    let mode = store::database_mode(conn).await?.unwrap_or(DatabaseMode::Own);
    let rights = public_rights::read(conn).await?;
    let name = sqlx::query_scalar("select current_database()::text").fetch_one(conn).await?;
    let (kind, sentence) = match mode {
        DatabaseMode::Own if rights.are_revoked() => return Ok(()),
        DatabaseMode::Own => {
            let held = [rights.ours, rights.not_ours].concat().join(", ");
            let remedy = "`tenantry migrate public up` revokes it";
            (Kind::DatabaseRights, format!("PUBLIC, and so every tenant, has {held}; {remedy}"))
        }
        DatabaseMode::Shared => {
            let held = rights.all().join(", ");
            let remedy = "`tenantry migrate public up --revoke-public` revokes it";
            (
                Kind::DatabaseShared,
                format!("the database is shared: tenants' roles have {held}; {remedy}"),
            )
        }
    };
    gatherer.add(kind, Subject::Database(name), sentence, false);
    Ok(())
}
