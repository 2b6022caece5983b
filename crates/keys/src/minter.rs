//! Makes API keys of the configured form.

use domain::TenantName;

use crate::api_key::MIN_RANDOM;
use crate::{ApiKey, random};

/// Longest `API_KEY_PREFIX`, and most random characters.
const MAX_PREFIX: usize = 16;
const MAX_RANDOM: usize = 128;

/// Characters of the tenant's slug that a key carries, so that people can tell whose it is.
const SLUG: usize = 8;

/// The configured form of keys cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MinterError {
    /// The prefix would break the form of a key.
    #[error("an API key's prefix is 1 to {MAX_PREFIX} letters, digits and _")]
    Prefix,
    /// Too few characters could be guessed; too many serve nothing.
    #[error("an API key has {MIN_RANDOM} to {MAX_RANDOM} random characters")]
    Length,
}

/// Makes API keys: prefix, up to 8 characters of the tenant's slug, `_`, random part, checksum.
#[derive(Debug, Clone)]
pub struct Minter {
    prefix: String,
    length: usize,
}

impl Minter {
    /// A minter of keys that begin with `prefix` and have `length` random characters of base 62.
    ///
    /// # Errors
    /// When `prefix` is not 1 to 16 letters, digits and `_`, or `length` not 22 to 128.
    pub fn new(prefix: &str, length: usize) -> Result<Self, MinterError> {
        let plain = prefix.split('_').all(random::is_base62);
        if !plain || !(1..=MAX_PREFIX).contains(&prefix.len()) {
            return Err(MinterError::Prefix);
        }
        if !(MIN_RANDOM..=MAX_RANDOM).contains(&length) {
            return Err(MinterError::Length);
        }
        Ok(Self { prefix: prefix.to_owned(), length })
    }

    /// A fresh key for the tenant called `name`, from the operating system's CSPRNG.
    ///
    /// # Panics
    /// When the operating system has no random source: no key is better than a guessable one.
    #[must_use]
    pub fn mint(&self, name: &TenantName) -> ApiKey {
        let slug = name.slug();
        let slug = slug[..slug.len().min(SLUG)].trim_end_matches('_');
        ApiKey::assemble(format!("{}{slug}_", self.prefix), &random::base62(self.length))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::parse_key;

    fn name(text: &str) -> TenantName {
        TenantName::parse(text).unwrap()
    }

    #[test]
    fn keys_have_the_form_that_was_configured() {
        let key = Minter::new("tk_", 32).unwrap().mint(&name("Acme, Inc."));

        assert_eq!(key.prefix(), "tk_acme_inc_");
        assert_eq!(key.expose().len(), "tk_acme_inc_".len() + 32 + 6);
        assert_eq!(Minter::new("x", 22).unwrap().mint(&name("1234567 8")).prefix(), "x1234567_");
    }

    #[test]
    fn the_same_tenant_never_gets_the_same_key_twice() {
        let minter = Minter::new("tk_", 22).unwrap();

        let keys: HashSet<_> = (0..1_000).map(|_| minter.mint(&name("Acme")).hash()).collect();

        assert_eq!(keys.len(), 1_000);
    }

    #[test]
    fn refuses_a_form_that_would_make_bad_keys() {
        for prefix in ["", "tk-", "tk ", "é", "t\n", "a2345678901234567"] {
            assert_eq!(Minter::new(prefix, 32).unwrap_err(), MinterError::Prefix, "{prefix:?}");
        }
        for length in [0, 21, 129] {
            assert_eq!(Minter::new("tk_", length).unwrap_err(), MinterError::Length);
        }
    }

    proptest! {
        #[test]
        fn every_minted_key_parses_to_its_own_hash(
            prefix in "[a-zA-Z0-9_]{1,16}", length in 22..=128usize, text in "\\PC{1,40}",
        ) {
            prop_assume!(TenantName::parse(&text).is_ok());
            let key = Minter::new(&prefix, length).unwrap().mint(&name(&text));
            prop_assert_eq!(parse_key(key.expose()), Ok(key.hash()));
            prop_assert!(key.expose().starts_with(key.prefix()));
        }
    }
}
