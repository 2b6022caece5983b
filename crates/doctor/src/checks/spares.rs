//! Spares in the pool that are not whole, or not as they were built.

use domain::{InstallationId, TenantId};
use sqlx::PgConnection;
use tenantdb::verify;

use crate::{
    Kind, Subject,
    check::{Check, finds},
    report::Gatherer,
};

pub(crate) const CHECK: Check = Check {
    kind: Kind::SpareIncomplete,
    subject: Subject::spare,
    sql: finds!(
        "select s.id::text,
                format('spare %s is in the pool and its %s', s.id,
                       case when n.oid is null and r.oid is null then 'schema and role do not exist'
                            when n.oid is null then 'schema does not exist'
                            else 'role does not exist' end),
                true
         from tenantry.spares s
         cross join scope
         left join pg_catalog.pg_namespace n on n.nspname = format('tenantry_spare_%s_', s.id)::name
         left join pg_catalog.pg_roles r
             on r.rolname = format('tn_%s_%s', scope.installation, s.id)::name
         where n.oid is null or r.oid is null"
    ),
};

/// Spares looked at in one message.
const AT_ONCE: i64 = 50;

/// Finds spares that were changed since they were built.
pub(crate) async fn walk(
    conn: &mut PgConnection,
    installation: &InstallationId,
    gatherer: &mut Gatherer<'_>,
) -> sqlx::Result<()> {
    if !gatherer.scope.wants(Kind::SpareChanged) {
        return Ok(());
    }
    let set = gatherer.scope.migrations.clone();
    let mut after = i64::MIN;
    loop {
        // one without a fingerprint was built by an older version, one of another set of migrations or
        // other extensions by another release: it is given to no tenant
        let rows: Vec<(i64, String)> = sqlx::query_as(
            "select id, fingerprint from tenantry.spares
             where id > $1 and fingerprint <> '' and starts_with(stamp, $3)
             order by id limit $2",
        )
        .bind(after)
        .bind(AT_ONCE)
        .bind(set.hash())
        .fetch_all(&mut *conn)
        .await?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        after = *last;
        let spares: Vec<_> =
            rows.iter().map(|(id, built)| (TenantId::new(*id), built.as_str())).collect();
        let faults = verify::look_at_spares(conn, installation, &spares, set.path()).await?;
        let changed = spares.iter().zip(faults).filter(|(_, f)| !f.foreign && !f.is_empty());
        for ((id, _), faults) in changed {
            let sentence = format!("spare {id}: {}", faults.into_sentences().join("; "));
            gatherer.add(Kind::SpareChanged, Subject::Spare(*id), sentence, true);
        }
    }
}
