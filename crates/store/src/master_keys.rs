//! Fingerprints of master keys: which one is the installation's, and the secrets that are sealed with it.
//! The keys themselves are nowhere here.

use domain::TenantId;
use sqlx::PgConnection;
use uuid::Uuid;

/// Sealed secrets that a first master key is tried on. One that opens proves the key.
const TRIED: i64 = 20;

/// This process must not start with the master key that it has.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyRefusal {
    #[error(
        "the master key of this process has the fingerprint {ours}, and the installation's has \
         {current}: set TENANTRY_MASTER_KEY to the installation's key; to change that key, run \
         `tenantry keys roll-master`"
    )]
    Other { ours: String, current: String },
    /// No process has set a fingerprint yet, and the key opens nothing that lies sealed.
    #[error(
        "the master key of this process (fingerprint {ours}) opens none of the API keys that lie \
         sealed in the database: set TENANTRY_MASTER_KEY to the key that sealed them, or run \
         `tenantry keys roll-master --drop-unreadable`"
    )]
    OpensNothing { ours: String },
    #[error("could not compare the master key with the installation's")]
    Database(#[from] sqlx::Error),
}

/// The installation's random value, which fingerprints are made with.
pub async fn salt(conn: &mut PgConnection) -> sqlx::Result<Uuid> {
    sqlx::query_scalar!("select key_salt from tenantry.installation").fetch_one(conn).await
}

/// The fingerprint of the installation's master key; `None` before the first process has started.
pub async fn current(conn: &mut PgConnection) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!("select id from tenantry.master_keys where retired_at is null")
        .fetch_optional(conn)
        .await
}

/// As [`current`]. No other master key becomes the installation's before the transaction ends: what is sealed
/// in it is there when `tenantry keys roll-master` looks for what to seal anew.
pub async fn lock_current(conn: &mut PgConnection) -> sqlx::Result<Option<String>> {
    let locked = sqlx::query_scalar!(
        "select id from tenantry.master_keys where retired_at is null for share",
    );
    match locked.fetch_optional(&mut *conn).await? {
        // It was replaced while this waited for its row.
        None => current(conn).await,
        locked => Ok(locked),
    }
}

/// The fingerprint of the installation's master key, which is one of `ours` (the present one
/// first). The first process sets it; of several that start at once one does.
///
/// `opens` tells whether `ours` open a sealed secret.
///
/// # Errors
/// [`MasterKeyRefusal`] when the installation has another master key.
pub async fn agree(
    conn: &mut PgConnection,
    ours: &[String],
    opens: impl Fn(&SealedSecret) -> bool,
) -> Result<String, MasterKeyRefusal> {
    let present = ours.first().cloned().unwrap_or_default();
    let current = match current(conn).await? {
        Some(current) => current,
        None => {
            let sealed = newest(conn, TRIED).await?;
            if !sealed.is_empty() && !sealed.iter().any(opens) {
                return Err(MasterKeyRefusal::OpensNothing { ours: present });
            }
            set_first(conn, &present).await?
        }
    };
    if ours.contains(&current) {
        return Ok(current);
    }
    Err(MasterKeyRefusal::Other { ours: present, current })
}

/// Sets the first fingerprint, unless another process did so at this moment; returns the one in force.
async fn set_first(conn: &mut PgConnection, id: &str) -> sqlx::Result<String> {
    // Waits for a process that is about to set another: the index allows one current row.
    sqlx::query!("insert into tenantry.master_keys (id) values ($1) on conflict do nothing", id)
        .execute(&mut *conn)
        .await?;
    current(conn).await?.ok_or(sqlx::Error::RowNotFound)
}

/// Makes `id` the current fingerprint. Run it in a transaction: the two statements belong together.
pub async fn replace(conn: &mut PgConnection, id: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "update tenantry.master_keys set retired_at = clock_timestamp()
         where retired_at is null and id <> $1",
        id,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "insert into tenantry.master_keys (id) values ($1)
         on conflict (id) do update set retired_at = null",
        id,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A sealed secret and whose it is.
#[derive(Debug, Clone)]
pub struct SealedSecret {
    pub id: i64,
    pub tenant: TenantId,
    pub sealed: Vec<u8>,
}

/// Up to `limit` sealed secrets with rows after `after`, oldest first.
pub async fn sealed_after(
    conn: &mut PgConnection,
    after: i64,
    limit: i64,
) -> sqlx::Result<Vec<SealedSecret>> {
    sqlx::query!(
        r#"select id, tenant_id, sealed as "sealed!" from tenantry.api_keys
           where sealed is not null and id > $1 order by id limit $2"#,
        after,
        limit,
    )
    .map(|row| SealedSecret {
        id: row.id,
        tenant: TenantId::new(row.tenant_id),
        sealed: row.sealed,
    })
    .fetch_all(conn)
    .await
}

/// The newest sealed secrets, at most `limit`.
async fn newest(conn: &mut PgConnection, limit: i64) -> sqlx::Result<Vec<SealedSecret>> {
    sqlx::query!(
        r#"select id, tenant_id, sealed as "sealed!" from tenantry.api_keys
           where sealed is not null order by sealed_until desc limit $1"#,
        limit,
    )
    .map(|row| SealedSecret {
        id: row.id,
        tenant: TenantId::new(row.tenant_id),
        sealed: row.sealed,
    })
    .fetch_all(conn)
    .await
}

/// Puts `anew` in the place of what was read. Changes nothing when the secret is acknowledged by now.
pub async fn reseal(conn: &mut PgConnection, read: &SealedSecret, anew: &[u8]) -> sqlx::Result<()> {
    sqlx::query!(
        "update tenantry.api_keys set sealed = $3 where id = $1 and sealed = $2",
        read.id,
        &read.sealed,
        anew,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Erases a secret that no master key opens. The API key stays valid.
pub async fn erase(conn: &mut PgConnection, read: &SealedSecret) -> sqlx::Result<()> {
    sqlx::query!(
        "update tenantry.api_keys set sealed = null, sealed_until = null
         where id = $1 and sealed = $2",
        read.id,
        &read.sealed,
    )
    .execute(conn)
    .await?;
    Ok(())
}
