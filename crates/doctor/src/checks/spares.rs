//! Spares: that each has schema and role, and is as it was built.

use domain::{RoleName, SchemaName, TenantId};
use serde_json::json;
use sqlx::{PgConnection, Row};
use store::births;
use tenantdb::verify;

use super::tenants;
use crate::{
    Kind, Subject,
    check::checks,
    pages::Pages,
    registered,
    repair::{Repair, Repaired, Stop},
    report::Gatherer,
};

/// Spares looked at in one message.
const AT_ONCE: i64 = 50;

// One without a fingerprint was built by an older version. One of other migrations than new tenants are given, or of
// other extensions, was built by another release or at another time: no tenant gets it.
const BUILT: &str = "select id, fingerprint from tenantry.spares
    where id > $1 and fingerprint <> '' and starts_with(stamp, $3)
    order by id limit $2";

checks! {
    SpareIncomplete, Spare:
        "select s.id::text,
                format('spare %s is in the pool and its %s', s.id,
                       case when n.name is null and r.name is null then 'schema and role do not exist'
                            when n.name is null then 'schema does not exist'
                            else 'role does not exist' end),
                true
         from tenantry.spares s
         cross join scope
         left join schemas n on n.name = format('tenantry_spare_%s_', s.id)::name
         left join roles r on r.name = format('tn_%s_%s', scope.installation, s.id)::name
         where n.name is null or r.name is null";
}

/// Finds spares that were changed since they were built.
pub(crate) async fn walk(conn: &mut PgConnection, gatherer: &mut Gatherer<'_>) -> sqlx::Result<()> {
    if !gatherer.scope.wants(Kind::SpareChanged) {
        return Ok(());
    }
    let (whole, us) = (&gatherer.scope.migrations, gatherer.installation);
    let birth = births::current(conn).await?;
    let given = birth.and_then(|birth| whole.only(&birth.versions));
    let set = given.as_ref().unwrap_or(whole);
    let application = gatherer.scope.application_role.as_deref();
    let mut pages = Pages(i64::MIN);
    let page = |after| sqlx::query(BUILT).bind(after).bind(AT_ONCE).bind(set.hash().to_owned());
    while let Some(rows) = pages.next(conn, page).await? {
        let mut spares = Vec::with_capacity(rows.len());
        for row in &rows {
            spares.push((TenantId::new(row.try_get(0)?), row.try_get::<&str, _>(1)?));
        }
        let faults = verify::look_at_spares(conn, us, application, &spares, set.path()).await?;
        let changed = spares.iter().zip(faults).filter(|(_, f)| !f.foreign && !f.is_empty());
        for ((id, _), faults) in changed {
            let sentence = format!("spare {id}: {}", faults.into_sentences().join("; "));
            gatherer.add(Kind::SpareChanged, Subject::Spare(*id), sentence, true);
        }
    }
    Ok(())
}

/// Takes a spare out of the pool that is not as it was built, and drops what bears its mark.
pub(crate) async fn take_out<'a>(cx: &mut Repair<'a>, spare: TenantId) -> Repaired<'a> {
    registered::hold(cx.conn, spare).await?;
    let us = cx.installation;
    let built: Option<String> =
        sqlx::query_scalar("select fingerprint from tenantry.spares where id = $1")
            .bind(spare.get())
            .fetch_optional(&mut *cx.conn)
            .await?;
    let (built, application) = (built.ok_or(Stop::Gone)?, cx.scope.application_role.as_deref());
    let built = [(spare, built.as_str())];
    let looked =
        verify::look_at_spares(cx.conn, us, application, &built, cx.scope.migrations.path())
            .await?;
    let is_whole = looked.iter().all(verify::Faults::is_empty);
    if is_whole || !store::spares::remove(cx.conn, spare).await? {
        return Err(Stop::Gone);
    }
    let (schema, role) = (SchemaName::of_spare(spare), RoleName::of(us, spare));
    let mut detail = tenants::drop_both(cx, &schema, &role, spare).await?;
    detail["spare"] = json!(spare);
    Ok(cx.did("spare.dropped", detail))
}
