//! The database as a whole: PUBLIC's rights, what tenants share, and whether the control schema and the
//! queue have all that guards a promise.

use domain::DatabaseMode;
use serde_json::json;
use sqlx::{PgConnection, PgPool};
use tenantdb::{
    ledger::{self, Entry},
    public_rights, share,
};

use super::promise;
use crate::{
    ExamineError, Kind, Subject,
    repair::{Repair, Repaired, Stop},
    report::Gatherer,
};

/// Tells in one finding what PUBLIC may do: as a trouble if the database is Tenantry's own, else as
/// what was chosen.
pub(crate) async fn rights(
    conn: &mut PgConnection,
    gatherer: &mut Gatherer<'_>,
) -> sqlx::Result<()> {
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

/// Whether PUBLIC may do more than it should in a database that is Tenantry's own.
pub(super) async fn is_open(conn: &mut PgConnection) -> sqlx::Result<bool> {
    let mode = store::database_mode(conn).await?.unwrap_or(DatabaseMode::Own);
    Ok(mode == DatabaseMode::Own && !public_rights::read(conn).await?.are_revoked())
}

/// Tells which shared extensions and tables are missing, and which ones roles other than the owner
/// may change.
pub(crate) async fn shared_objects(
    conn: &mut PgConnection,
    gatherer: &mut Gatherer<'_>,
) -> sqlx::Result<()> {
    if !gatherer.scope.wants(Kind::SharedObjectsDiffer) {
        return Ok(());
    }
    let set = &gatherer.scope.migrations;
    let faults = share::faults(conn, gatherer.installation, set.shared()).await?;
    let remedy = "`tenantry migrate public up` says how to mend it";
    let missing = faults.missing.into_iter().map(|it| format!("{it}; {remedy}"));
    for sentence in missing.chain(faults.open) {
        gatherer.add_control(Kind::SharedObjectsDiffer, sentence);
    }
    Ok(())
}

/// Tells what the application's own schema lacks of the shared migrations, and what it has another text of.
pub(crate) async fn shared_migrations(
    conn: &mut PgConnection,
    gatherer: &mut Gatherer<'_>,
) -> sqlx::Result<()> {
    let kind = Kind::SharedMigrationsDiffer;
    let Some(set) = gatherer.scope.shared_migrations.clone() else { return Ok(()) };
    if !gatherer.scope.wants(kind) {
        return Ok(());
    }
    let entry = ledger::application(conn).await?;
    let standing = set.compare(entry.iter().flat_map(Entry::records));
    let missing = standing.missing.iter().map(|it| {
        let version = it.version();
        format!(
            "shared migration {version} is not applied; `tenantry migrate shared up` applies it"
        )
    });
    let edited = standing.edited.iter().map(|it| {
        format!("shared migration {} was edited after it had been applied", it.version())
    });
    let unknown = standing.unknown.iter().map(|version| {
        format!("shared migration {version} is applied, and is not among the files at hand")
    });
    for sentence in missing.chain(edited).chain(unknown) {
        gatherer.add_control(kind, sentence);
    }
    Ok(())
}

/// Compares schema `tenantry` with what its migrations make, in a transaction that is rolled back.
pub(crate) async fn control_schema(
    pool: &PgPool,
    gatherer: &mut Gatherer<'_>,
) -> Result<(), ExamineError> {
    if !gatherer.scope.wants(Kind::ControlSchemaDiffers) {
        return Ok(());
    }
    let failed = || ExamineError::during("hold the control schema against its migrations");
    let mut conn = promise::connect(pool).await.map_err(failed())?;
    let found = tenantdb::shape::differences_from_scripts(
        &mut conn,
        "tenantry",
        store::migration_scripts(),
    );
    for sentence in found.await.map_err(failed())? {
        gatherer.add_control(Kind::ControlSchemaDiffers, format!("in schema tenantry {sentence}"));
    }
    Ok(())
}

/// Tells what the queue lacks, and whether its table is there.
pub(crate) async fn queue(
    conn: &mut PgConnection,
    gatherer: &mut Gatherer<'_>,
) -> sqlx::Result<bool> {
    for sentence in queue::faults(conn).await? {
        let sentence = format!("{sentence}; `tenantry migrate public up` mends it");
        gatherer.add_control(Kind::ControlSchemaDiffers, sentence);
    }
    sqlx::query_scalar("select to_regclass('apalis.jobs') is not null").fetch_one(conn).await
}

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
        union all select 'tenantry.findings', max(id) from tenantry.findings
        union all select 'tenantry.audit_log', max(id) from tenantry.audit_log
    ) t,
    lateral (select coalesce(pg_sequence_last_value(pg_get_serial_sequence(t.name, 'id')::regclass), 0)
                 as given) s
    where t.highest > s.given";

async fn behind(conn: &mut PgConnection) -> sqlx::Result<Vec<(String, i64, i64)>> {
    sqlx::query_as(BEHIND).fetch_all(conn).await
}

/// Tells which tables would refuse the next row: logical replication copies rows and no sequences.
pub(crate) async fn ids(conn: &mut PgConnection, gatherer: &mut Gatherer<'_>) -> sqlx::Result<()> {
    if !gatherer.scope.wants(Kind::IdsBehind) {
        return Ok(());
    }
    for (name, highest, given) in behind(conn).await? {
        let next = given + 1;
        let sentence =
            format!("the next id of table {name} would be {next}, and its highest is {highest}");
        gatherer.add(Kind::IdsBehind, Subject::Control(name), sentence, true);
    }
    Ok(())
}

/// Sets a sequence of ids past the highest, only while it is behind: it never goes back.
pub(crate) async fn advance_ids<'a>(cx: &mut Repair<'a>, table: &str) -> Repaired<'a> {
    let behind = behind(cx.conn).await?;
    let (name, highest, _) =
        behind.into_iter().find(|(name, ..)| name == table).ok_or(Stop::Gone)?;
    sqlx::query("select setval(pg_get_serial_sequence($1, 'id'), $2)")
        .bind(&name)
        .bind(highest)
        .execute(&mut *cx.conn)
        .await?;
    Ok(cx.did("ids.advanced", json!({ "table": name, "id": highest })))
}
