//! What a tenant's schema is compared with: what the migrations that it has make of an empty schema, on this
//! server, which prints definitions in its own way.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use domain::{TenantId, Version};
use sqlx::PgConnection;
use tenantdb::{MigrationSet, Promise, ledger::Entry};
use tracing::warn;

use super::learnt;
use crate::ExamineError;

/// What a set makes, whole and up to each version that tenants are at. Each is learnt once in a process, when
/// the first such tenant is looked at.
#[derive(Debug)]
pub struct References {
    set: MigrationSet,
    whole: Arc<Promise>,
    /// By the hash of the part.
    parts: Mutex<HashMap<String, Arc<Promise>>>,
}

/// What one tenant is compared with.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    pub(super) promise: Arc<Promise>,
    /// The newest version in it.
    pub(super) version: Option<Version>,
    pub(super) set_hash: String,
}

impl References {
    /// With what the whole set makes.
    #[must_use]
    pub fn new(set: MigrationSet, whole: Arc<Promise>) -> Self {
        Self { set, whole, parts: Mutex::default() }
    }

    /// With what the installation remembers that the whole set makes, or else what it makes now. Learning
    /// rolls itself back.
    ///
    /// # Errors
    /// When the migrations do not work, or the database fails.
    pub async fn learn(conn: &mut PgConnection, set: MigrationSet) -> Result<Self, ExamineError> {
        let (whole, _) = learnt::known(conn, &set).await?;
        Ok(Self::new(set, Arc::new(whole)))
    }

    /// What the whole set makes.
    #[must_use]
    pub fn whole(&self) -> &Arc<Promise> {
        &self.whole
    }

    /// What the tenant's migrations make; `None` while it is being migrated, and if it has a migration that
    /// is not at hand.
    pub(super) async fn of(
        &self,
        conn: &mut PgConnection,
        tenant: TenantId,
        entry: &Entry,
    ) -> sqlx::Result<Option<Reference>> {
        let standing = self.set.compare(entry.records());
        let version = standing.newest.cloned();
        // what a baseline stands for is not at hand either
        let is_known =
            standing.unknown.is_empty() && (version.is_some() || entry.version.is_none());
        if !is_known {
            return Ok(None);
        }
        if standing.missing.is_empty() {
            let (promise, set_hash) = (Arc::clone(&self.whole), self.set.hash().to_owned());
            return Ok(Some(Reference { promise, version, set_hash }));
        }
        if store::tenants::is_held(conn, tenant).await? {
            return Ok(None);
        }
        let part = self.set.without(&standing.missing);
        let promise = self.part(conn, &part).await;
        let set_hash = part.hash().to_owned();
        Ok(promise.map(|promise| Reference { promise, version, set_hash }))
    }

    async fn part(&self, conn: &mut PgConnection, part: &MigrationSet) -> Option<Arc<Promise>> {
        let parts = || self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let known = parts().get(part.hash()).cloned();
        if known.is_some() {
            return known;
        }
        match Promise::learn(conn, part).await {
            Ok(promise) => {
                let promise = Arc::new(promise);
                parts().insert(part.hash().to_owned(), Arc::clone(&promise));
                Some(promise)
            }
            Err(error) => {
                let newest = part.head().map_or("none", Version::as_str);
                warn!(cause = %error, "the tenant migrations up to {newest} do not build an empty schema");
                None
            }
        }
    }
}
