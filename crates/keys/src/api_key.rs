//! A tenant's secret: `tk_acme_` + random characters + checksum.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use crate::{checksum, hash::hash, random::is_base62};

/// Fewest random characters in a key: 22 of base 62 are 131 bits.
pub(crate) const MIN_RANDOM: usize = 22;

/// Longest key looked at, in bytes; the longest one minted has 16 + 8 + 1 + 128 + 6.
const MAX_BYTES: usize = 255;

/// A tenant's secret, fresh from the [`Minter`](crate::Minter). Prints as `ApiKey(tk_acme_…wxyz)`.
#[derive(Clone)]
pub struct ApiKey {
    secret: SecretString,
    prefix: String,
}

impl ApiKey {
    /// The key of `prefix` and `random`, with its checksum.
    pub(crate) fn assemble(prefix: String, random: &str) -> Self {
        Self { secret: checksum::assemble(&prefix, random), prefix }
    }

    /// The secret itself, to be shown to its owner or sealed, and for nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.secret.expose_secret()
    }

    /// What to store and look the key up by.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        hash(self.expose())
    }

    /// The last 4 characters, for people to tell keys apart.
    #[must_use]
    pub fn last4(&self) -> &str {
        let text = self.expose();
        &text[text.len() - 4..]
    }

    /// What stands before the random part, like `tk_acme_`. No secret.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({}…{})", self.prefix, self.last4())
    }
}

/// The text cannot be an API key: no need to look it up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It does not look like a key at all.
    #[error("not in the form of an API key")]
    Form,
    /// It looks like one, with a character wrong.
    #[error("the API key's checksum is wrong: it was mistyped or cut off")]
    Checksum,
}

/// The hash to look the presented key `text` up by. Says nothing about whether it exists.
///
/// # Errors
/// When `text` has not the form of a key, or its checksum does not fit.
pub fn parse_key(text: &str) -> Result<[u8; 32], KeyError> {
    if text.len() > MAX_BYTES {
        return Err(KeyError::Form);
    }
    let (prefix, rest) = text.rsplit_once('_').ok_or(KeyError::Form)?;
    let prefix_is_plain = prefix.split('_').all(is_base62);
    if !prefix_is_plain || !is_base62(rest) || rest.len() < MIN_RANDOM + checksum::LEN {
        return Err(KeyError::Form);
    }
    if checksum::holds(text) { Ok(hash(text)) } else { Err(KeyError::Checksum) }
}

/// The hash to look a presented key of another product up by, which has no checksum; `None` when it is empty or too
/// long.
#[must_use]
pub fn foreign_key(text: &str) -> Option<[u8; 32]> {
    (!text.is_empty() && text.len() <= MAX_BYTES).then(|| hash(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> ApiKey {
        ApiKey::assemble("tk_acme_".to_owned(), "0123456789ABCDEFGHIJKLMNOPQRSTUV")
    }

    #[test]
    fn is_prefix_random_part_and_checksum() {
        let key = key();

        assert_eq!(&key.expose()[..40], "tk_acme_0123456789ABCDEFGHIJKLMNOPQRSTUV");
        assert_eq!(key.expose().len(), 46);
        assert_eq!(key.prefix(), "tk_acme_");
        assert!(key.expose().ends_with(key.last4()));
        assert_eq!(key.last4().len(), 4);
    }

    #[test]
    fn never_prints_the_secret() {
        let shown = format!("{:?} {:#?}", key(), Some(key()));

        assert!(!shown.contains("0123"), "{shown}");
        assert!(shown.contains("tk_acme_…"), "{shown}");
    }

    #[test]
    fn a_typing_error_anywhere_is_found_offline() {
        let good = key().expose().to_owned();
        for at in 0..good.len() {
            for wrong in ['0', 'Z', '_', ' ', '\n', 'é', '\0'] {
                let mut text: Vec<_> = good.chars().collect();
                if std::mem::replace(&mut text[at], wrong) != wrong {
                    let text: String = text.into_iter().collect();
                    assert!(parse_key(&text).is_err(), "{text:?}");
                }
            }
            assert!(parse_key(&good[..at]).is_err(), "cut at {at}");
        }
        let mut swapped = good.clone().into_bytes();
        swapped.swap(20, 21);
        assert_eq!(parse_key(&String::from_utf8(swapped).unwrap()), Err(KeyError::Checksum));
    }

    #[test]
    fn refuses_what_does_not_look_like_a_key() {
        let mut short = "tk_a_0".to_owned();
        checksum::append(&mut short);
        let mut long = format!("tk_{}", "a".repeat(255));
        checksum::append(&mut long);
        let padded = format!("{} ", key().expose());

        for text in ["", "_", "tk_", &short, &long, &padded, "Bearer x", "ключ_ключ"] {
            assert_eq!(parse_key(text), Err(KeyError::Form), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_takes_nothing_without_a_checksum(text in "(?s:.){0,80}|[a-z0-9_]{0,80}") {
            prop_assert!(parse_key(&text).is_err() || checksum::holds(&text));
        }
    }
}
