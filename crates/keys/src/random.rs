//! Random bytes, and text of base 62: digits and letters only, so that a double click selects all of a
//! key.

use rand::TryRng;
use rand::rngs::SysRng;
use secrecy::zeroize::Zeroizing;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// `length` characters from the operating system's CSPRNG, each of the 62 equally likely.
pub(crate) fn base62(length: usize) -> Zeroizing<String> {
    // Reserved at once: growing would leave copies of the secret behind.
    let mut text = Zeroizing::new(String::with_capacity(length));
    let mut bytes = Zeroizing::new([0u8; 64]);
    while text.len() < length {
        fill(&mut *bytes);
        let missing = length - text.len();
        text.extend(bytes.iter().filter_map(|byte| pick(*byte)).take(missing));
    }
    text
}

/// Fills `bytes` from the operating system's CSPRNG.
///
/// # Panics
/// When the operating system has no random source: no key is better than a guessable one.
pub(crate) fn fill(bytes: &mut [u8]) {
    SysRng.try_fill_bytes(bytes).expect("the operating system has a random source");
}

/// The character for a random byte. `None` for 2 of 64 values: keeping those would favour two
/// characters over the others.
fn pick(byte: u8) -> Option<char> {
    ALPHABET.get(usize::from(byte & 63)).map(|c| char::from(*c))
}

/// `number` in 6 characters, the highest place first. 62⁶ is more than 2³².
pub(crate) fn of_u32(number: u32) -> [u8; 6] {
    let (mut rest, mut text) = (number, [b'0'; 6]);
    for place in text.iter_mut().rev() {
        *place = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    text
}

/// Whether all of `text` is of the alphabet.
pub(crate) fn is_base62(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn every_character_is_equally_likely() {
        let mut times = BTreeMap::new();
        for c in (0..=u8::MAX).filter_map(pick) {
            *times.entry(c).or_insert(0) += 1;
        }

        assert_eq!(times.len(), 62);
        assert!(times.values().all(|n| *n == 4), "{times:?}");
    }

    #[test]
    fn is_as_long_as_asked_and_never_the_same_twice() {
        for length in [0, 1, 63, 64, 65, 500] {
            let text = base62(length);
            assert_eq!(text.len(), length);
            assert!(is_base62(&text));
        }
        let many: BTreeSet<_> = (0..1_000).map(|_| base62(22).to_string()).collect();
        assert_eq!(many.len(), 1_000);
    }

    #[test]
    fn writes_every_number_in_six_places() {
        assert_eq!(&of_u32(0), b"000000");
        assert_eq!(&of_u32(61), b"00000z");
        assert_eq!(&of_u32(62), b"000010");
        assert_eq!(&of_u32(u32::MAX), b"4gfFC3");
    }
}
