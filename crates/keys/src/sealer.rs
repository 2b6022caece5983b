//! Keeps an API key between its issue and its owner's fetching it, readable with the master key
//! only.
//!
//! XChaCha20-Poly1305: its nonce of 24 bytes can be drawn at random for every seal without fear of
//! drawing one twice. The tenant's id is bound to the seal as associated data, so that a sealed key
//! copied to another tenant's row opens for nobody.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use domain::TenantId;
use secrecy::zeroize::Zeroize;
use secrecy::{ExposeSecret, SecretString};

use crate::{ApiKey, KeyId, MasterKey, random};

const NONCE_LEN: usize = 24;

/// A sealed key does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Too short to be a sealed key.
    #[error("could not open a sealed key: it is cut off")]
    CutOff,
    /// Sealed with another master key or for another tenant, or changed since.
    #[error("could not open a sealed key: another master key, another tenant, or tampered with")]
    Refused,
    /// It opened, and was not text: not sealed by us.
    #[error("could not open a sealed key: it does not hold a key")]
    NoKey,
}

/// Seals API keys and opens them again. Holds the master keys; prints nothing of them.
///
/// Clones seal with the same master key: [`Sealer::seal_with`] changes it for all of them.
#[derive(Clone)]
pub struct Sealer {
    keys: Arc<[Keyed]>,
    /// Which of the keys seals.
    sealing: Arc<AtomicUsize>,
}

struct Keyed {
    id: KeyId,
    cipher: XChaCha20Poly1305,
}

impl Sealer {
    pub(crate) fn new(present: &MasterKey, previous: Option<&MasterKey>, salt: &[u8]) -> Self {
        let keyed = |key: &MasterKey| Keyed {
            id: key.id(salt),
            cipher: XChaCha20Poly1305::new(<&Key>::from(key.bytes())),
        };
        let keys = [Some(present), previous].into_iter().flatten().map(keyed).collect();
        Self { keys, sealing: Arc::default() }
    }

    /// The fingerprints of the master keys, the present one first.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        self.keys.iter().map(|key| key.id)
    }

    /// Seals with the master key `id` from now on. False when this sealer does not have it.
    pub fn seal_with(&self, id: &str) -> bool {
        let found = self.keys.iter().position(|key| key.id.to_string() == id);
        if let Some(at) = found {
            self.sealing.store(at, Ordering::Relaxed);
        }
        found.is_some()
    }

    /// `key`, sealed for `tenant`. Different each time.
    ///
    /// # Panics
    /// When the operating system has no random source.
    #[must_use]
    pub fn seal(&self, key: &ApiKey, tenant: TenantId) -> Vec<u8> {
        self.seal_text(key.expose(), tenant)
    }

    /// What is sealed for `tenant`, sealed anew with the present master key. `None` when that key
    /// has sealed it.
    ///
    /// # Errors
    /// As [`Sealer::open`].
    ///
    /// # Panics
    /// As [`Sealer::seal`].
    pub fn reseal(&self, sealed: &[u8], tenant: TenantId) -> Result<Option<Vec<u8>>, SealError> {
        let secret = self.open(sealed, tenant)?;
        if sealed.starts_with(self.sealing().id.as_bytes()) {
            return Ok(None);
        }
        Ok(Some(self.seal_text(secret.expose_secret(), tenant)))
    }

    /// Id of the master key (8 bytes), nonce (24 bytes), then ciphertext and tag.
    fn seal_text(&self, text: &str, tenant: TenantId) -> Vec<u8> {
        let key = self.sealing();
        let mut nonce = [0u8; NONCE_LEN];
        random::fill(&mut nonce);
        let payload = Payload { msg: text.as_bytes(), aad: &bound_to(tenant) };
        let sealed = key
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a key is shorter than the 256 GiB that the cipher can take");
        [key.id.as_bytes().as_slice(), &nonce, &sealed].concat()
    }

    fn sealing(&self) -> &Keyed {
        &self.keys[self.sealing.load(Ordering::Relaxed)]
    }

    /// The key that was sealed for `tenant`, by this release or by one that put no key id before it.
    ///
    /// # Errors
    /// When `sealed` was made with a master key that this sealer does not have, for another tenant,
    /// or changed since.
    pub fn open(&self, sealed: &[u8], tenant: TenantId) -> Result<SecretString, SealError> {
        if let Some((id, rest)) = sealed.split_first_chunk::<{ KeyId::LEN }>()
            && let Some(key) = self.keys.iter().find(|key| key.id.as_bytes() == id)
        {
            return key.open(rest, tenant);
        }
        let tried = self.keys.iter().map(|key| key.open(sealed, tenant));
        tried.reduce(|before, next| before.or(next)).unwrap_or(Err(SealError::Refused))
    }
}

impl Keyed {
    fn open(&self, sealed: &[u8], tenant: TenantId) -> Result<SecretString, SealError> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(SealError::CutOff)?;
        let payload = Payload { msg: sealed, aad: &bound_to(tenant) };
        let opened =
            self.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| SealError::Refused)?;
        String::from_utf8(opened).map(SecretString::from).map_err(|error| {
            error.into_bytes().zeroize();
            SealError::NoKey
        })
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer([REDACTED])")
    }
}

/// The associated data of a tenant's seal: a part of the stored form, never to be changed.
fn bound_to(tenant: TenantId) -> [u8; 8] {
    tenant.get().to_be_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TENANT: TenantId = TenantId::new(7);

    const SALT: &[u8] = b"salt";

    fn master_key(byte: u8) -> MasterKey {
        MasterKey::parse(&hex::encode([byte; 32]).into()).unwrap()
    }

    fn sealer(byte: u8) -> Sealer {
        Sealer::new(&master_key(byte), None, SALT)
    }

    fn key() -> ApiKey {
        ApiKey::assemble("tk_acme_".to_owned(), "0123456789ABCDEFGHIJKLMNOPQRSTUV")
    }

    #[test]
    fn opens_what_it_sealed() {
        let sealed = sealer(1).seal(&key(), TENANT);

        let opened = sealer(1).open(&sealed, TENANT).unwrap();

        assert_eq!(opened.expose_secret(), key().expose());
        assert_eq!(sealed.len(), 8 + 24 + key().expose().len() + 16);
        assert_eq!(sealed[..8], *master_key(1).id(SALT).as_bytes());
    }

    #[test]
    fn the_sealed_form_shows_nothing_and_is_never_the_same_twice() {
        let (one, two) = (sealer(1).seal(&key(), TENANT), sealer(1).seal(&key(), TENANT));

        assert_ne!(one[8..32], two[8..32]);
        assert_ne!(one[32..], two[32..]);
        assert!(!String::from_utf8_lossy(&one).contains("tk_"));
    }

    #[test]
    fn opens_for_no_other_tenant_and_with_no_other_master_key() {
        let sealed = sealer(1).seal(&key(), TENANT);

        assert_eq!(sealer(1).open(&sealed, TenantId::new(8)).unwrap_err(), SealError::Refused);
        assert_eq!(sealer(2).open(&sealed, TENANT).unwrap_err(), SealError::Refused);
    }

    #[test]
    fn a_change_of_any_bit_is_found() {
        let sealed = sealer(1).seal(&key(), TENANT);
        for at in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[at / 8] ^= 1 << (at % 8);
            assert_eq!(sealer(1).open(&changed, TENANT).unwrap_err(), SealError::Refused);
        }
    }

    #[test]
    fn refuses_what_is_cut_off() {
        let sealed = sealer(1).seal(&key(), TENANT);
        for end in 0..sealed.len() {
            let error = sealer(1).open(&sealed[..end], TENANT).unwrap_err();
            assert_eq!(
                error,
                if end < 8 + NONCE_LEN { SealError::CutOff } else { SealError::Refused }
            );
        }
    }

    #[test]
    fn opens_a_seal_of_an_earlier_release() {
        // `tk_x_1` under key 01…01, nonce 02…02 and tenant 7, computed by another implementation:
        // the stored form must not drift.
        let sealed = hex::decode("b80d6997f54646d630bae1f210334b105d4ef9bfce95").unwrap();
        let sealed = [[2; NONCE_LEN].as_slice(), &sealed].concat();

        let opened = sealer(1).open(&sealed, TENANT).unwrap();

        assert_eq!(opened.expose_secret(), "tk_x_1");
    }

    #[test]
    fn two_keys_side_by_side_open_what_either_sealed() {
        let (old, new) = (sealer(1), sealer(2));
        let both = Sealer::new(&master_key(2), Some(&master_key(1)), SALT);

        for sealed in [old.seal(&key(), TENANT), new.seal(&key(), TENANT)] {
            let opened = both.open(&sealed, TENANT).unwrap();

            assert_eq!(opened.expose_secret(), key().expose());
        }
    }

    #[test]
    fn seals_with_the_key_it_is_told_to_and_says_when_it_has_none_such() {
        let both = Sealer::new(&master_key(2), Some(&master_key(1)), SALT);
        let clone = both.clone();

        assert!(clone.seal_with(&master_key(1).id(SALT).to_string()));
        assert!(!clone.seal_with(&master_key(3).id(SALT).to_string()));

        assert!(sealer(1).open(&both.seal(&key(), TENANT), TENANT).is_ok());
    }

    #[test]
    fn reseals_what_another_key_sealed_and_nothing_twice() {
        let both = Sealer::new(&master_key(2), Some(&master_key(1)), SALT);
        let with_id = sealer(1).seal(&key(), TENANT);
        for sealed in [&with_id[..], &with_id[8..]] {
            let again = both.reseal(sealed, TENANT).unwrap().unwrap();

            assert!(sealer(2).open(&again, TENANT).is_ok());
            assert_eq!(both.reseal(&again, TENANT), Ok(None));
        }
        assert_eq!(sealer(2).reseal(&with_id, TENANT), Err(SealError::Refused));
    }

    #[test]
    fn never_prints_the_key() {
        assert_eq!(format!("{:?}", sealer(1)), "Sealer([REDACTED])");
    }

    proptest! {
        #[test]
        fn opens_no_noise(noise in prop::collection::vec(any::<u8>(), 0..120)) {
            prop_assert!(sealer(1).open(&noise, TENANT).is_err());
        }
    }
}
