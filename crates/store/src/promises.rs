//! What workers of this installation have learnt of the tenant migrations: their texts, and what
//! they make.

use chrono::{DateTime, Utc};
use domain::Version;
use serde_json::Value;
use sqlx::PgConnection;

/// What a promise depends on.
#[derive(Debug, Clone, Copy)]
pub struct PromiseKey<'a> {
    /// Hash of the set of migrations.
    pub set_hash: &'a str,
    pub server_major: i32,
    /// Changed with what the survey of a schema reads.
    pub survey_format: i32,
}

/// The key of a set on this server.
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
    pub shape: Value,
    pub learnt_at: DateTime<Utc>,
    /// The versions before which a transaction has to end; `None` = not learnt yet.
    pub boundaries: Option<Vec<Version>>,
}

/// The text of a tenant migration that workers have loaded.
#[derive(Debug, Clone)]
pub struct Text {
    /// The version, as it was spelled when it was first loaded.
    pub version: Version,
    pub checksum: String,
    /// The place in the set, from 0.
    pub place: i32,
}

/// The texts of tenant migrations that workers have loaded.
pub async fn texts(conn: &mut PgConnection) -> sqlx::Result<Vec<Text>> {
    sqlx::query!("select version, checksum, place from tenantry.migration_texts order by place")
        .map(|row| {
            let (version, checksum, place) = (Version::new(row.version), row.checksum, row.place);
            Text { version, checksum, place }
        })
        .fetch_all(conn)
        .await
}

/// Records the texts of versions that are not known yet, and the places of all.
pub async fn learn_texts(conn: &mut PgConnection, texts: &[Text]) -> sqlx::Result<()> {
    let (versions, checksums, places) = columns(texts);
    sqlx::query!(
        "insert into tenantry.migration_texts (version, checksum, place)
         select * from unnest($1::text[], $2::text[], $3::int[])
         on conflict (version) do update set place = excluded.place",
        &versions,
        &checksums,
        &places,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Records the texts of these versions in place of those that were known.
pub async fn relearn_texts(conn: &mut PgConnection, texts: &[Text]) -> sqlx::Result<()> {
    let (versions, checksums, places) = columns(texts);
    sqlx::query!(
        "insert into tenantry.migration_texts (version, checksum, place)
         select * from unnest($1::text[], $2::text[], $3::int[])
         on conflict (version) do update
         set checksum = excluded.checksum, place = excluded.place, learnt_at = clock_timestamp()",
        &versions,
        &checksums,
        &places,
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn columns(texts: &[Text]) -> (Vec<String>, Vec<String>, Vec<i32>) {
    let versions = texts.iter().map(|text| text.version.to_string()).collect();
    let checksums = texts.iter().map(|text| text.checksum.clone()).collect();
    (versions, checksums, texts.iter().map(|text| text.place).collect())
}

/// What a set made when it was first learnt; `None` when it never was.
pub async fn remembered(
    conn: &mut PgConnection,
    key: PromiseKey<'_>,
) -> sqlx::Result<Option<Remembered>> {
    sqlx::query!(
        "select shape, learnt_at, boundaries from tenantry.promises
         where database = 'control' and set_hash = $1 and server_major = $2
           and survey_format = $3",
        key.set_hash,
        key.server_major,
        key.survey_format,
    )
    .map(|row| {
        let boundaries = row.boundaries.map(|b| b.into_iter().map(Version::new).collect());
        Remembered { shape: row.shape, learnt_at: row.learnt_at, boundaries }
    })
    .fetch_optional(conn)
    .await
}

/// Records the versions before which a transaction has to end, with what the set makes.
pub async fn learn_boundaries(
    conn: &mut PgConnection,
    key: PromiseKey<'_>,
    boundaries: &[Version],
) -> sqlx::Result<()> {
    let boundaries: Vec<String> = boundaries.iter().map(Version::to_string).collect();
    sqlx::query!(
        "update tenantry.promises set boundaries = $4
         where database = 'control' and set_hash = $1 and server_major = $2
           and survey_format = $3 and boundaries is null",
        key.set_hash,
        key.server_major,
        key.survey_format,
        &boundaries,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Records what a set makes. Of several processes that learn it at once, the first one's counts.
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
