//! What workers of this installation have learnt of the tenant migrations: their texts, and what
//! they make.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;

/// What a promise depends on.
#[derive(Debug, Clone, Copy)]
pub struct PromiseKey<'a> {
    /// Hash of the set of migrations.
    pub set_hash: &'a str,
    /// The server's major version.
    pub server_major: i32,
    /// Changed with what the survey of a schema reads.
    pub survey_format: i32,
}

/// The key of a set on this server.
///
/// # Errors
/// When the server does not tell its version.
pub async fn key<'a>(
    conn: &mut PgConnection,
    set_hash: &'a str,
    survey_format: i32,
) -> sqlx::Result<PromiseKey<'a>> {
    let server_major = sqlx::query_scalar!(
        r#"select current_setting('server_version_num')::int / 10000 as "major!""#
    )
    .fetch_one(conn)
    .await?;
    Ok(PromiseKey { set_hash, server_major, survey_format })
}

/// What a set made when it was first learnt.
#[derive(Debug, Clone)]
pub struct Remembered {
    /// Object → definition.
    pub shape: Value,
    /// When it was learnt.
    pub learnt_at: DateTime<Utc>,
}

/// The texts of tenant migrations that workers have loaded: version and checksum.
///
/// # Errors
/// When the rows cannot be read.
pub async fn texts(conn: &mut PgConnection) -> sqlx::Result<Vec<(i64, String)>> {
    sqlx::query!("select version, checksum from tenantry.migration_texts order by version")
        .map(|row| (row.version, row.checksum))
        .fetch_all(conn)
        .await
}

/// Records the texts of versions that are not known yet.
///
/// # Errors
/// When the rows cannot be written.
pub async fn learn_texts(conn: &mut PgConnection, texts: &[(i64, String)]) -> sqlx::Result<()> {
    let (versions, checksums): (Vec<i64>, Vec<String>) = texts.iter().cloned().unzip();
    sqlx::query!(
        "insert into tenantry.migration_texts (version, checksum)
         select * from unnest($1::bigint[], $2::text[]) on conflict do nothing",
        &versions,
        &checksums,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Records the texts of these versions in place of those that were known.
///
/// # Errors
/// When the rows cannot be written.
pub async fn relearn_texts(conn: &mut PgConnection, texts: &[(i64, String)]) -> sqlx::Result<()> {
    let (versions, checksums): (Vec<i64>, Vec<String>) = texts.iter().cloned().unzip();
    sqlx::query!(
        "insert into tenantry.migration_texts (version, checksum)
         select * from unnest($1::bigint[], $2::text[])
         on conflict (version) do update
         set checksum = excluded.checksum, learnt_at = clock_timestamp()",
        &versions,
        &checksums,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What a set made when it was first learnt; `None` when it never was.
///
/// # Errors
/// When the row cannot be read.
pub async fn remembered(
    conn: &mut PgConnection,
    key: PromiseKey<'_>,
) -> sqlx::Result<Option<Remembered>> {
    sqlx::query_as!(
        Remembered,
        "select shape, learnt_at from tenantry.promises
         where database = 'control' and set_hash = $1 and server_major = $2
           and survey_format = $3",
        key.set_hash,
        key.server_major,
        key.survey_format,
    )
    .fetch_optional(conn)
    .await
}

/// Records what a set makes. Of several processes that learn it at once, the first one's counts.
///
/// # Errors
/// When the row cannot be written.
pub async fn remember(
    conn: &mut PgConnection,
    key: PromiseKey<'_>,
    shape: &Value,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into tenantry.promises (set_hash, server_major, survey_format, shape)
         values ($1, $2, $3, $4) on conflict do nothing",
        key.set_hash,
        key.server_major,
        key.survey_format,
        shape,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets what a set made, so that it can be learnt anew.
///
/// # Errors
/// When the row cannot be deleted.
pub async fn forget(conn: &mut PgConnection, key: PromiseKey<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        "delete from tenantry.promises
         where database = 'control' and set_hash = $1 and server_major = $2
           and survey_format = $3",
        key.set_hash,
        key.server_major,
        key.survey_format,
    )
    .execute(conn)
    .await?;
    Ok(())
}
