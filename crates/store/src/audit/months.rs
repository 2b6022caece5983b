//! The months of the audit log: each is a partition, exported before it is dropped.

use chrono::NaiveDate;
use sqlx::PgConnection;

/// A month that was written to a file.
#[derive(Debug, Clone, Copy)]
pub struct Export<'a> {
    pub month: NaiveDate,
    /// Who exported it: `cli:<os user>`.
    pub actor: &'a str,
    pub rows: i64,
    /// SHA-256 of the file, in hex.
    pub sha256: &'a str,
}

/// What became of a request to drop a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Dropped {
        rows: i64,
    },
    NotOver,
    /// The log has no rows of it.
    NoRows,
    NotExported,
    /// The newest export has another number of rows.
    Changed {
        rows: i64,
        exported: i64,
    },
}

/// Makes the partitions of this month and the next two, and those of rows that came while there was none;
/// says how many.
///
/// # Errors
/// 55P03 when the log is in use for more than 1 s; when the statement fails.
pub async fn make_months(conn: &mut PgConnection) -> sqlx::Result<i32> {
    sqlx::query_scalar!(r#"select tenantry.make_audit_months() as "made!""#).fetch_one(conn).await
}

/// At most `limit` rows of the month that begins with `month`, in UTC, in the order of their ids and after
/// `after`: each with its id, as a line of JSON without its end.
pub async fn export(
    conn: &mut PgConnection,
    month: NaiveDate,
    after: i64,
    limit: i64,
) -> sqlx::Result<Vec<(i64, String)>> {
    let rows = sqlx::query_file!("queries/audit/export.sql", month, after, limit);
    let lines = rows.fetch_all(conn).await?.into_iter();
    Ok(lines.map(|row| (row.id, row.line)).collect())
}

/// Records that a month is in a file.
pub async fn record_export(conn: &mut PgConnection, export: Export<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into tenantry.audit_exports (month, exported_by, row_count, sha256)
         values ($1, $2, $3, $4)",
        export.month,
        export.actor,
        export.rows,
        export.sha256,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Drops a month that is over and that the newest export has all rows of.
///
/// # Errors
/// 55P03 when the log is in use for more than 1 s; when the statement fails.
pub async fn drop_month(conn: &mut PgConnection, month: NaiveDate) -> sqlx::Result<Verdict> {
    let told = sqlx::query!(
        r#"select verdict as "verdict!", present, exported from tenantry.drop_audit_month($1)"#,
        month,
    )
    .fetch_one(conn)
    .await?;
    let rows = told.present.unwrap_or_default();
    Ok(match told.verdict.as_str() {
        "dropped" => Verdict::Dropped { rows },
        "not_over" => Verdict::NotOver,
        "no_rows" => Verdict::NoRows,
        "not_exported" => Verdict::NotExported,
        _ => Verdict::Changed { rows, exported: told.exported.unwrap_or_default() },
    })
}
