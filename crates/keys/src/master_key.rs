//! The key that seals all others until they are fetched: `TENANTRY_MASTER_KEY`.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose::STANDARD};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretBox, SecretString};

use crate::{Sealer, hash::hmac, random};

const LEN: usize = 32;

/// People lose the `=` at the end, and secret stores use either alphabet.
const ANY_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// The text is not a master key. Never says what it is instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeyError {
    /// It has not 32 bytes, or is not in a known writing.
    #[error("a master key is 32 bytes, as 64 hexadecimal digits or in base64")]
    Form,
    /// All bytes are zero: a placeholder, which anyone can guess.
    #[error("a master key of zeros protects nothing; `openssl rand -base64 32` makes one")]
    Zeros,
}

/// A setting does not hold a master key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} is not a usable master key")]
pub struct MasterKeysError {
    /// The setting's name in the environment.
    pub setting: &'static str,
    /// What is wrong with its value.
    #[source]
    pub source: MasterKeyError,
}

/// Fingerprint of a master key in one installation: 8 bytes of an HMAC under the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; KeyId::LEN]);

impl KeyId {
    pub(crate) const LEN: usize = 8;

    pub(crate) const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// The master keys of a process: the present one and, during a roll, the one before.
#[derive(Debug)]
pub struct MasterKeys {
    present: MasterKey,
    previous: Option<MasterKey>,
}

impl MasterKeys {
    /// The keys in `TENANTRY_MASTER_KEY` and `TENANTRY_MASTER_KEY_PREVIOUS`.
    ///
    /// # Errors
    /// When a text is not a master key; the error names its setting.
    pub fn parse(
        present: &SecretString,
        previous: Option<&SecretString>,
    ) -> Result<Self, MasterKeysError> {
        let read = |setting, text| {
            MasterKey::parse(text).map_err(|source| MasterKeysError { setting, source })
        };
        Ok(Self {
            present: read("TENANTRY_MASTER_KEY", present)?,
            previous: previous
                .map(|text| read("TENANTRY_MASTER_KEY_PREVIOUS", text))
                .transpose()?,
        })
    }

    /// A sealer with these keys in the installation whose random value is `salt`.
    #[must_use]
    pub fn sealer(&self, salt: &[u8]) -> Sealer {
        Sealer::new(&self.present, self.previous.as_ref(), salt)
    }
}

/// The key that API keys are sealed with. Prints as `[REDACTED]`; wiped when dropped.
#[derive(Debug)]
pub struct MasterKey(SecretBox<[u8; LEN]>);

impl MasterKey {
    /// The key in `text`: 32 bytes as hexadecimal digits or in base64 (either alphabet, padded or
    /// not); white space around it is ignored.
    ///
    /// # Errors
    /// When `text` is anything else.
    pub fn parse(text: &SecretString) -> Result<Self, MasterKeyError> {
        let text = text.expose_secret().trim();
        let bytes = if text.len() == 2 * LEN { hex::decode(text).ok() } else { from_base64(text) };
        let bytes = Zeroizing::new(bytes.ok_or(MasterKeyError::Form)?);
        if bytes.len() != LEN {
            return Err(MasterKeyError::Form);
        }
        if bytes.iter().all(|byte| *byte == 0) {
            return Err(MasterKeyError::Zeros);
        }
        Ok(Self(SecretBox::init_with_mut(|key: &mut [u8; LEN]| key.copy_from_slice(&bytes))))
    }

    /// A fresh key from the operating system's CSPRNG, in base64: the value to give
    /// `TENANTRY_MASTER_KEY`.
    ///
    /// # Panics
    /// When the operating system has no random source.
    #[must_use]
    pub fn generate() -> SecretString {
        let mut bytes = Zeroizing::new([0u8; LEN]);
        random::fill(&mut *bytes);
        STANDARD.encode(*bytes).into()
    }

    pub(crate) fn bytes(&self) -> &[u8; LEN] {
        self.0.expose_secret()
    }

    /// The key's fingerprint where `salt` is the installation's random value. A part of the stored
    /// form, never to be changed.
    pub(crate) fn id(&self, salt: &[u8]) -> KeyId {
        let mac = hmac(self.bytes(), &[b"tenantry master key\0", salt].concat());
        let (id, _) = mac.split_first_chunk().expect("32 bytes are more than an id has");
        KeyId(*id)
    }
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let alphabet = if text.contains(['-', '_']) {
        &base64::alphabet::URL_SAFE
    } else {
        &base64::alphabet::STANDARD
    };
    GeneralPurpose::new(alphabet, ANY_PADDING).decode(text).ok()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE};

    use super::*;

    const BYTES: [u8; 32] = [0xfb; 32];

    fn parsed(text: &str) -> Result<[u8; 32], MasterKeyError> {
        MasterKey::parse(&text.into()).map(|key| *key.bytes())
    }

    #[test]
    fn reads_the_same_key_in_every_writing() {
        for text in [
            hex::encode(BYTES),
            hex::encode_upper(BYTES),
            STANDARD.encode(BYTES),
            STANDARD_NO_PAD.encode(BYTES),
            URL_SAFE.encode(BYTES),
            format!(" {}\n", STANDARD.encode(BYTES)),
        ] {
            assert_eq!(parsed(&text), Ok(BYTES), "{text:?}");
        }
    }

    #[test]
    fn refuses_keys_that_are_too_short_too_long_or_no_key() {
        for text in [
            String::new(),
            "secret".to_owned(),
            "g".repeat(64),
            hex::encode(&BYTES[..31]),
            STANDARD.encode(&BYTES[..31]),
            STANDARD.encode([0; 33]),
            format!("{}!", STANDARD.encode(BYTES)),
        ] {
            assert_eq!(parsed(&text), Err(MasterKeyError::Form), "{text:?}");
        }
    }

    #[test]
    fn refuses_a_key_of_zeros_in_every_writing() {
        for text in [hex::encode([0; 32]), STANDARD.encode([0; 32])] {
            assert_eq!(parsed(&text), Err(MasterKeyError::Zeros), "{text:?}");
        }
    }

    #[test]
    fn a_fingerprint_depends_on_the_key_and_on_the_installation() {
        let key = |byte: u8| MasterKey::parse(&hex::encode([byte; 32]).into()).unwrap();

        // computed by another implementation of HMAC-SHA-256: the stored form must not drift
        assert_eq!(key(1).id(b"salt").to_string(), "33bb82389de60330");
        assert_ne!(key(1).id(b"salt"), key(2).id(b"salt"));
        assert_ne!(key(1).id(b"salt"), key(1).id(b"other"));
    }

    #[test]
    fn an_unusable_key_is_named_by_its_setting() {
        let (good, bad) = (MasterKey::generate(), SecretString::from("secret"));

        let told = |result: Result<MasterKeys, MasterKeysError>| result.unwrap_err().setting;

        assert_eq!(told(MasterKeys::parse(&bad, None)), "TENANTRY_MASTER_KEY");
        assert_eq!(told(MasterKeys::parse(&good, Some(&bad))), "TENANTRY_MASTER_KEY_PREVIOUS");
    }

    #[test]
    fn generates_a_new_key_each_time_that_it_can_read() {
        let (one, two) = (MasterKey::generate(), MasterKey::generate());

        assert!(MasterKey::parse(&one).is_ok());
        assert_ne!(one.expose_secret(), two.expose_secret());
    }

    #[test]
    fn never_prints_itself() {
        let key = MasterKey::parse(&hex::encode(BYTES).into()).unwrap();

        let shown = format!("{key:?}");

        assert!(!shown.contains("251") && !shown.contains("fb"), "{shown}");
    }
}
