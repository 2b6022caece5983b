//! What an operator shows Tenantry's own API: `tto_` + random characters + checksum.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use crate::{checksum, hash::hash, random};

const PREFIX: &str = "tto_";

/// Random characters in a token: 43 of base 62 are 256 bits.
const RANDOM: usize = 43;

/// An operator's secret. Prints as `OperatorToken([REDACTED])`.
#[derive(Clone)]
pub struct OperatorToken(SecretString);

impl OperatorToken {
    /// A fresh token from the operating system's CSPRNG.
    ///
    /// # Panics
    /// When the operating system has no random source.
    #[must_use]
    pub fn mint() -> Self {
        Self(checksum::assemble(PREFIX, &random::base62(RANDOM)))
    }

    /// The secret itself, to be shown to its owner once.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What to store and look the token up by.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        hash_operator_token(self.expose())
    }
}

impl fmt::Debug for OperatorToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperatorToken([REDACTED])")
    }
}

/// The hash to look a presented token up by; `None` when it has not the form of a token, so that
/// no operator can have it.
#[must_use]
pub fn parse_operator_token(text: &str) -> Option<[u8; 32]> {
    let random = text.strip_prefix(PREFIX)?;
    let has_form = random.len() == RANDOM + checksum::LEN && random::is_base62(random);
    (has_form && checksum::holds(text)).then(|| hash_operator_token(text))
}

/// The hash to look a presented token up by, whatever its form: a token that is none has the hash
/// of none.
#[must_use]
pub fn hash_operator_token(text: &str) -> [u8; 32] {
    hash(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_prefix_256_bits_and_checksum() {
        let token = OperatorToken::mint();

        assert!(token.expose().starts_with("tto_"));
        assert_eq!(token.expose().len(), 4 + 43 + 6);
        assert!(checksum::holds(token.expose()));
        assert!(random::is_base62(&token.expose()[4..]));
    }

    #[test]
    fn is_found_by_the_hash_of_what_is_presented() {
        let (token, other) = (OperatorToken::mint(), OperatorToken::mint());

        assert_eq!(hash_operator_token(token.expose()), token.hash());
        assert_ne!(token.hash(), other.hash());
        assert_ne!(hash_operator_token(&token.expose()[..52]), token.hash());
    }

    #[test]
    fn what_has_not_the_form_of_a_token_is_not_looked_up() {
        let token = OperatorToken::mint();
        let text = token.expose();
        let wrong_end = format!("{}!", &text[..text.len() - 1]);
        let swapped = text.replacen("tto_", "tta_", 1);

        assert_eq!(parse_operator_token(text), Some(token.hash()));
        for wrong in ["", "x7", "tto_", &text[..52], &wrong_end, &swapped, &format!("{text}0")] {
            assert_eq!(parse_operator_token(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn never_prints_the_secret() {
        assert_eq!(format!("{:?}", OperatorToken::mint()), "OperatorToken([REDACTED])");
    }
}
