//! Tables of the control schema whose next id is one that exists: inserts fail. Logical replication
//! copies rows and no sequences.

use sqlx::PgConnection;

use crate::{Kind, Subject, report::Gatherer};

/// Each table whose sequence is behind, its highest id, and the last id that the sequence gave.
const BEHIND: &str = "
    select t.name, t.highest, s.given
    from (
        select 'tenantry.tenants' as name,
               -- spares built before they had ids of their own are among the tenants'
               greatest((select max(id) from tenantry.tenants),
                        (select max(id) from tenantry.spares where id < 4503599627370496)) as highest
        union all select 'tenantry.spares', max(id) from tenantry.spares where id >= 4503599627370496
        union all select 'tenantry.operation_items', max(id) from tenantry.operation_items
        union all select 'tenantry.api_keys', max(id) from tenantry.api_keys
        union all select 'tenantry.operator_tokens', max(id) from tenantry.operator_tokens
        union all select 'tenantry.outbox', max(id) from tenantry.outbox
        union all select 'tenantry.audit_log', max(id) from tenantry.audit_log
    ) t,
    lateral (select coalesce(pg_sequence_last_value(pg_get_serial_sequence(t.name, 'id')::regclass), 0)
                 as given) s
    where t.highest > s.given";

/// A table whose sequence is behind.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Behind {
    pub(crate) name: String,
    pub(crate) highest: i64,
    given: i64,
}

/// Reads which sequences are behind.
pub(crate) async fn behind(conn: &mut PgConnection) -> sqlx::Result<Vec<Behind>> {
    sqlx::query_as(BEHIND).fetch_all(conn).await
}

/// Tells of each.
pub(crate) async fn look(conn: &mut PgConnection, gatherer: &mut Gatherer<'_>) -> sqlx::Result<()> {
    if !gatherer.scope.wants(Kind::IdsBehind) {
        return Ok(());
    }
    for Behind { name, highest, given } in behind(conn).await? {
        let next = given + 1;
        let sentence =
            format!("the next id of table {name} would be {next}, and its highest is {highest}");
        gatherer.add(Kind::IdsBehind, Subject::Control(name), sentence, true);
    }
    Ok(())
}
