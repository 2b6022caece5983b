//! Keeps an API key between its issue and its owner's fetching it, readable with the master key
//! only.
//!
//! XChaCha20-Poly1305: its nonce of 24 bytes can be drawn at random for every seal without fear of
//! drawing one twice. The tenant's id is bound to the seal as associated data, so that a sealed key
//! copied to another tenant's row opens for nobody.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use domain::TenantId;
use rand::TryRng;
use rand::rngs::SysRng;
use secrecy::SecretString;
use secrecy::zeroize::Zeroize;

use crate::{ApiKey, MasterKey};

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

/// Seals API keys and opens them again. Holds the master key; prints nothing of it.
#[derive(Clone)]
pub struct Sealer {
    cipher: XChaCha20Poly1305,
}

impl Sealer {
    /// A sealer with this master key, which is wiped here.
    #[must_use]
    pub fn new(key: MasterKey) -> Self {
        Self { cipher: XChaCha20Poly1305::new(<&Key>::from(key.bytes())) }
    }

    /// `key`, sealed for `tenant`: nonce (24 bytes), then ciphertext and tag. Different each time.
    ///
    /// # Panics
    /// When the operating system has no random source.
    #[must_use]
    pub fn seal(&self, key: &ApiKey, tenant: TenantId) -> Vec<u8> {
        let mut nonce = [0u8; NONCE_LEN];
        SysRng.try_fill_bytes(&mut nonce).expect("the operating system has a random source");
        let payload = Payload { msg: key.expose().as_bytes(), aad: &bound_to(tenant) };
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a key is shorter than the 256 GiB that the cipher can take");
        [nonce.as_slice(), &sealed].concat()
    }

    /// The key that was sealed for `tenant`.
    ///
    /// # Errors
    /// When `sealed` was made with another master key, for another tenant, or changed since.
    pub fn open(&self, sealed: &[u8], tenant: TenantId) -> Result<SecretString, SealError> {
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
    use secrecy::ExposeSecret;

    use super::*;

    const TENANT: TenantId = TenantId::new(7);

    fn sealer(byte: u8) -> Sealer {
        Sealer::new(MasterKey::parse(&hex::encode([byte; 32]).into()).unwrap())
    }

    fn key() -> ApiKey {
        ApiKey::assemble("tk_acme_".to_owned(), "0123456789ABCDEFGHIJKLMNOPQRSTUV")
    }

    #[test]
    fn opens_what_it_sealed() {
        let sealed = sealer(1).seal(&key(), TENANT);

        let opened = sealer(1).open(&sealed, TENANT).unwrap();

        assert_eq!(opened.expose_secret(), key().expose());
        assert_eq!(sealed.len(), 24 + key().expose().len() + 16);
    }

    #[test]
    fn the_sealed_form_shows_nothing_and_is_never_the_same_twice() {
        let (one, two) = (sealer(1).seal(&key(), TENANT), sealer(1).seal(&key(), TENANT));

        assert_ne!(one[..24], two[..24]);
        assert_ne!(one[24..], two[24..]);
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
            assert_eq!(error, if end < 24 { SealError::CutOff } else { SealError::Refused });
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
