//! Holds a process's master keys against the installation's.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{SealedSecret, resealing};

/// Sealed secrets that a first master key is tried on. One that opens proves the key.
const TRIED: i64 = 20;

/// This process must not start with the master key that it has.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyRefusal {
    /// The installation has another one.
    #[error(
        "the master key of this process has the fingerprint {ours}, and the installation's has \
         {current}: set TENANTRY_MASTER_KEY to the installation's key; to change that key, run \
         `tenantry keys roll-master`"
    )]
    Other {
        /// Fingerprint of the process's present key.
        ours: String,
        /// Fingerprint of the installation's current key.
        current: String,
    },
    /// No process has set a fingerprint yet, and the key opens nothing that lies sealed.
    #[error(
        "the master key of this process (fingerprint {ours}) opens none of the API keys that lie \
         sealed in the database: set TENANTRY_MASTER_KEY to the key that sealed them, or run \
         `tenantry keys roll-master --drop-unreadable`"
    )]
    OpensNothing {
        /// Fingerprint of the process's present key.
        ours: String,
    },
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
            let sealed = resealing::newest(conn, TRIED).await?;
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
