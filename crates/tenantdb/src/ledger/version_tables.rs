//! The table `tenantry_migrations` that each tenant's schema had up to migration 0016: it is read once,
//! carried over into the ledger and dropped.

use domain::{SchemaName, TenantId, Version};
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::{AppliedMigration, Reached};
use crate::ident::{Ident, run};

const VERSION_TABLE: &str = "tenantry_migrations";

/// Carries the version tables of these tenants over, in the caller's transaction. Two messages for all
/// of them.
///
/// # Errors
/// When one of them has no version table, or it is not as Tenantry made it.
pub async fn carry_over(
    conn: &mut PgConnection,
    tenants: &[(TenantId, SchemaName)],
) -> sqlx::Result<()> {
    if tenants.is_empty() {
        return Ok(());
    }
    let tables = read(conn, tenants).await?;
    let mut statements = String::new();
    for ((tenant, schema), applied) in tenants.iter().zip(tables) {
        let reached = Reached::exactly(applied);
        statements += &reached.registration();
        statements += &reached.rows(&[*tenant]);
        statements += &format!("drop table {};\n", table(schema));
    }
    run(conn, statements).await
}

/// Whether the schema has a version table, and whether there is any relation, type or function in it.
pub(super) async fn look(
    conn: &mut PgConnection,
    schema: &SchemaName,
) -> sqlx::Result<(bool, bool)> {
    sqlx::query_as(
        "select to_regclass($1) is not null, exists (
             select from pg_depend
             where refclassid = 'pg_namespace'::regclass and refobjid = to_regnamespace($2)::oid
                 and classid in ('pg_class'::regclass, 'pg_type'::regclass, 'pg_proc'::regclass))",
    )
    .bind(table(schema))
    .bind(Ident::from(schema).to_string())
    .fetch_one(conn)
    .await
}

fn table(schema: &SchemaName) -> String {
    format!("{}.{VERSION_TABLE}", Ident::from(schema))
}

async fn read(
    conn: &mut PgConnection,
    tenants: &[(TenantId, SchemaName)],
) -> sqlx::Result<Vec<Vec<AppliedMigration>>> {
    // versions are numbers in tables of the release before the last
    let one = |(at, (_, schema)): (usize, &(TenantId, SchemaName))| {
        format!("select {at}, version::text, description, checksum from {}", table(schema))
    };
    let parts: Vec<String> = tenants.iter().enumerate().map(one).collect();
    let rows = sqlx::raw_sql(AssertSqlSafe(parts.join("\nunion all\n"))).fetch_all(conn).await?;
    let mut all = vec![Vec::new(); tenants.len()];
    for row in &rows {
        let at = usize::try_from(row.try_get::<i32, _>(0)?).unwrap_or(usize::MAX);
        let Some(applied) = all.get_mut(at) else { continue };
        applied.push(AppliedMigration {
            version: Version::new(row.try_get::<String, _>(1)?),
            description: row.try_get(2)?,
            checksum: row.try_get(3)?,
            needs_shared: None,
        });
    }
    for applied in &mut all {
        applied.sort_by(|a: &AppliedMigration, b| a.version.compare_for_display(&b.version));
    }
    Ok(all)
}
