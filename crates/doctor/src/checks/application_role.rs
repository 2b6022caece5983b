//! The role that may become every tenant: whether it is fit for that, and whether it has room.

use sqlx::PgConnection;
use tenantdb::application_role;

use crate::{Kind, Subject, report::Gatherer};

/// Part of the limit from which on it is told how many tenants there are, in percent.
const TOLD_FROM: u64 = 80;

/// Looks at the application's role, if there is to be one.
pub(crate) async fn look(conn: &mut PgConnection, gatherer: &mut Gatherer<'_>) -> sqlx::Result<()> {
    let Some(role) = &gatherer.scope.application_role else { return Ok(()) };
    let (subject, limit) = (Subject::Role(role.clone()), gatherer.scope.application_role_limit);
    if gatherer.scope.wants(Kind::ApplicationRoleUnfit) {
        let lacking = application_role::lacking(conn, role).await?;
        if !lacking.is_empty() {
            let sentence = lacking.join("; ");
            gatherer.add(Kind::ApplicationRoleUnfit, subject.clone(), sentence, false);
        }
    }
    if gatherer.scope.wants(Kind::ApplicationRoleFilling) {
        let held = application_role::count(conn, role, limit).await?;
        if u64::from(held) * 100 >= u64::from(limit) * TOLD_FROM {
            let sentence = format!(
                "role {role} may become {limit} tenants (tenants.application_role_limit), and is a \
                 member of {held} roles of tenants and spares already"
            );
            gatherer.add(Kind::ApplicationRoleFilling, subject, sentence, false);
        }
    }
    Ok(())
}
