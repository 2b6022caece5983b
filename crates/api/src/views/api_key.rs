//! A tenant's API key as callers see it.

use contract::{ApiKey, KeyStatus};
use store::api_keys::Held;

pub(crate) fn view(key: Held) -> ApiKey {
    let status = match (key.revoked_at, key.is_expired) {
        (Some(_), _) => KeyStatus::Revoked,
        (None, true) => KeyStatus::Expired,
        (None, false) => KeyStatus::Live,
    };
    ApiKey {
        key_id: key.id,
        prefix: key.prefix,
        last4: key.last4,
        status: status.into(),
        created_at: key.created_at,
        expires_at: key.expires_at,
        revoked_at: key.revoked_at,
        last_used_at: key.last_used_at,
        revealable_until: key.sealed_until.filter(|_| status == KeyStatus::Live),
    }
}
