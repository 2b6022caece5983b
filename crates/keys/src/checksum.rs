//! Six characters at the end of a key that tell a typing error from a wrong key, offline.
//!
//! A CRC is no protection against anybody: whoever can make a key can make its checksum.

use secrecy::SecretString;

use crate::random;

/// Characters that the checksum takes.
pub(crate) const LEN: usize = 6;

/// The checksum of `text`: its CRC-32 (ISO-HDLC) in base 62.
pub(crate) fn of(text: &str) -> [u8; LEN] {
    random::of_u32(crc32fast::hash(text.as_bytes()))
}

/// `prefix` and `random`, and their checksum behind them.
pub(crate) fn assemble(prefix: &str, random: &str) -> SecretString {
    // Reserved at once: growing would leave copies of the secret behind.
    let mut text = String::with_capacity(prefix.len() + random.len() + LEN);
    text.push_str(prefix);
    text.push_str(random);
    append(&mut text);
    text.into()
}

/// Puts its checksum behind `text`.
pub(crate) fn append(text: &mut String) {
    let checksum = of(text);
    text.extend(checksum.map(char::from));
}

/// Whether `text` ends with the checksum of what stands before it.
pub(crate) fn holds(text: &str) -> bool {
    text.len()
        .checked_sub(LEN)
        .and_then(|end| text.split_at_checked(end))
        .is_some_and(|(body, checksum)| of(body) == checksum.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_crc_that_everybody_else_computes() {
        // The check value of CRC-32/ISO-HDLC, 0xcbf43926, in base 62.
        assert_eq!(of("123456789"), random::of_u32(0xcbf4_3926));
    }

    #[test]
    fn holds_for_what_it_was_appended_to_and_for_nothing_shorter() {
        let mut text = "tk_acme_0".to_owned();
        append(&mut text);

        assert!(holds(&text));
        for end in 0..text.len() {
            assert!(!holds(&text[..end]), "{end}");
        }
        assert!(!holds("éééé"));
    }
}
