//! How an installation makes and keeps API keys.

use std::time::Duration;

use domain::{TenantId, TenantName};

use crate::{ApiKey, Minter, Sealer};

const HOUR: Duration = Duration::from_secs(3600);

/// How API keys are made and kept.
#[derive(Debug)]
pub struct KeyRules {
    /// Makes keys of the configured form.
    pub minter: Minter,
    /// Seals their secrets until they are acknowledged.
    pub sealer: Sealer,
    /// How long a sealed secret is kept.
    pub sealed_for: Duration,
    /// How long a key is good; `None` = until revoked.
    pub valid_for: Option<Duration>,
}

impl KeyRules {
    /// Rules with times as the settings have them.
    #[must_use]
    pub fn new(
        minter: Minter,
        sealer: Sealer,
        sealed_hours: u32,
        expires_days: Option<u32>,
    ) -> Self {
        let valid_for = expires_days.map(|days| HOUR * 24 * days);
        Self { minter, sealer, sealed_for: HOUR * sealed_hours, valid_for }
    }

    /// A fresh key for the tenant called `name`, and its secret sealed.
    ///
    /// # Panics
    /// When the operating system has no random source.
    #[must_use]
    pub fn mint(&self, name: &TenantName, tenant: TenantId) -> (ApiKey, Vec<u8>) {
        let key = self.minter.mint(name);
        let sealed = self.sealer.seal(&key, tenant);
        (key, sealed)
    }
}
