//! The one key that seals all others until they are fetched: `TENANTRY_MASTER_KEY`.

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose::STANDARD};
use rand::TryRng;
use rand::rngs::SysRng;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretBox, SecretString};

const LEN: usize = 32;

/// People lose the `=` at the end, and secret stores use either alphabet.
const ANY_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// The text is not a master key. Never says what it is instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a master key is 32 bytes, as 64 hexadecimal digits or in base64")]
pub struct MasterKeyError;

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
        let bytes = Zeroizing::new(bytes.ok_or(MasterKeyError)?);
        if bytes.len() != LEN {
            return Err(MasterKeyError);
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
        SysRng.try_fill_bytes(&mut *bytes).expect("the operating system has a random source");
        STANDARD.encode(*bytes).into()
    }

    pub(crate) fn bytes(&self) -> &[u8; LEN] {
        self.0.expose_secret()
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
            assert_eq!(parsed(&text), Err(MasterKeyError), "{text:?}");
        }
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
