//! JSON that the registry keeps: what PostgreSQL's `jsonb` takes, and gives back as it was.
//!
//! `jsonb` takes all of JSON but U+0000, and numbers as exact decimals of up to 131,072 digits. It
//! gives every number back written out: `1e100000`, 8 bytes, would come back as 100,001 digits. One
//! value that it refuses makes the whole submission's INSERT fail, and so harms the other items.

use std::borrow::Cow;

/// Most digits of a number that is kept, written out without an exponent. Every 64-bit floating
/// point number in its shortest form has fewer.
pub const MAX_DIGITS: usize = 400;

/// What a JSON text holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Holds {
    /// Its length with every number written out, in bytes.
    pub(crate) bytes: usize,
    /// Levels of arrays and objects.
    pub(crate) depth: usize,
    /// Whether U+0000 is in a string.
    pub(crate) nul: bool,
    /// Whether a number has more than [`MAX_DIGITS`].
    pub(crate) long_number: bool,
}

impl Holds {
    /// What the JSON document `text` holds.
    pub(crate) fn of(text: &str) -> Self {
        let (mut holds, mut depth) = (Self::default(), 0_usize);
        for Token { kind, text } in Tokens::of(text) {
            let mut bytes = text.len();
            match kind {
                Kind::Number => {
                    let digits = digits(text);
                    holds.long_number |= digits > MAX_DIGITS;
                    // Sign and point.
                    bytes = digits.saturating_add(2);
                }
                Kind::Nul => holds.nul = true,
                Kind::Open => depth += 1,
                Kind::Close => depth = depth.saturating_sub(1),
                Kind::Other => {}
            }
            holds.depth = holds.depth.max(depth);
            holds.bytes = holds.bytes.saturating_add(bytes);
        }
        holds
    }

    /// Whether the registry gives it back with the same values.
    pub(crate) fn is_storable(self) -> bool {
        !self.nul && !self.long_number
    }
}

/// Why JSON of the registry cannot be read where readers take `levels` levels of it; `None` when it
/// can.
#[must_use]
pub fn unreadable(json: &str, levels: usize) -> Option<String> {
    let holds = Holds::of(json);
    if holds.long_number {
        Some(format!("a number has more than {MAX_DIGITS} digits"))
    } else if holds.depth > levels {
        Some(format!("it is nested {} levels deep, and {levels} can be read", holds.depth))
    } else {
        None
    }
}

/// `text` with every U+0000 replaced by U+FFFD and every number that is too long in quotes, so that
/// what was refused can still be recorded.
pub(crate) fn storable(text: &str) -> Cow<'_, str> {
    if Holds::of(text).is_storable() {
        return text.into();
    }
    let mut stored = String::with_capacity(text.len());
    for Token { kind, text } in Tokens::of(text) {
        match kind {
            Kind::Number if digits(text) > MAX_DIGITS => stored.extend(["\"", text, "\""]),
            Kind::Nul => stored.push_str("\\ufffd"),
            _ => stored.push_str(text),
        }
    }
    stored.into()
}

/// Digits of `number` without an exponent, or more.
fn digits(number: &str) -> usize {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    // One that does not fit is out of all bounds in either direction.
    let exponent: isize = exponent.parse().unwrap_or(isize::MAX);
    let (whole, fraction) = (whole.trim_start_matches('-').len(), fraction.len());
    let shift = exponent.unsigned_abs();
    if exponent >= 0 {
        whole.saturating_add(shift).saturating_add(fraction.saturating_sub(shift))
    } else {
        // A zero stands before the point at least.
        fraction.saturating_add(shift).saturating_add(whole.saturating_sub(shift).max(1))
    }
}

/// A piece of a JSON text.
struct Token<'a> {
    kind: Kind,
    text: &'a str,
}

enum Kind {
    Number,
    /// `\u0000` in a string.
    Nul,
    Open,
    Close,
    Other,
}

/// The pieces of a JSON text, all of it in order. A string is several pieces.
struct Tokens<'a> {
    rest: &'a str,
    in_string: bool,
}

const NUL: &str = "\\u0000";

impl<'a> Tokens<'a> {
    fn of(text: &'a str) -> Self {
        Self { rest: text, in_string: false }
    }

    fn take(&mut self, kind: Kind, bytes: usize) -> Token<'a> {
        let (text, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        Token { kind, text }
    }

    /// Up to the end of the string, or up to U+0000.
    fn in_string(&mut self) -> Token<'a> {
        let (bytes, mut at) = (self.rest.as_bytes(), 0);
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'"' => {
                    self.in_string = false;
                    return self.take(Kind::Other, at + 1);
                }
                b'\\' if self.rest[at..].starts_with(NUL) => {
                    return match at {
                        0 => self.take(Kind::Nul, NUL.len()),
                        _ => self.take(Kind::Other, at),
                    };
                }
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
        self.take(Kind::Other, bytes.len())
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let bytes = self.rest.as_bytes();
        let first = bytes.first()?;
        if self.in_string {
            return Some(self.in_string());
        }
        Some(match first {
            b'-' | b'0'..=b'9' => {
                let is_part = |b: &u8| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
                let end = bytes.iter().position(|b| !is_part(b)).unwrap_or(bytes.len());
                self.take(Kind::Number, end)
            }
            b'"' => {
                self.in_string = true;
                self.take(Kind::Other, 1)
            }
            b'[' | b'{' => self.take(Kind::Open, 1),
            b']' | b'}' => self.take(Kind::Close, 1),
            _ => {
                let is_word = |b: &u8| !b"-0123456789\"[]{}".contains(b);
                let end = bytes.iter().position(|b| !is_word(b)).unwrap_or(bytes.len());
                self.take(Kind::Other, end)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn replaces_nul_at_every_depth_and_nothing_else() {
        let hostile =
            json!({"a\0": ["x\0y", {"b": "\0"}], "n": 1, "t": "tab\t\\u0000[{"}).to_string();

        let stored: Value = serde_json::from_str(&storable(&hostile)).unwrap();

        let fffd = "\u{fffd}";
        let expected = json!({
            format!("a{fffd}"): [format!("x{fffd}y"), {"b": fffd}], "n": 1, "t": "tab\t\\u0000[{"
        });
        assert_eq!(stored, expected);
        assert!(Holds::of(&hostile).nul && !Holds::of(&stored.to_string()).nul);
    }

    #[test]
    fn a_number_that_would_be_too_long_written_out_becomes_a_text() {
        let kept = format!(
            "[1.5, 1e-399, 1.5e-398, 1e99, 5e-324, 1.7976931348623157e308, -{}]",
            "9".repeat(400)
        );
        let long = "[1, 1e400, 1e-400, 12e-400, 0e-400, 1.5e-399, -1.5e-400, 1E+99999999999999999999, 0.0e-131072]";

        assert_eq!(storable(&kept), kept);
        assert_eq!(
            storable(long),
            "[1, \"1e400\", \"1e-400\", \"12e-400\", \"0e-400\", \"1.5e-399\", \"-1.5e-400\", \"1E+99999999999999999999\", \"0.0e-131072\"]"
        );
    }

    #[test]
    fn counts_levels_and_bytes_with_numbers_written_out() {
        let holds = Holds::of(r#"{"a[[[": [[1e99], {}]}"#);

        assert_eq!(holds.depth, 3);
        assert_eq!(holds.bytes, r#"{"a[[[": [[], {}]}"#.len() + 102);
    }

    proptest! {
        #[test]
        fn what_is_stored_is_the_same_document(text in "[\\[\\]{}\",:0-9eE.+\\-\\\\u a-f]{0,24}") {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                let stored = storable(&text);
                prop_assert!(Holds::of(&stored).is_storable());
                prop_assert!(serde_json::from_str::<Value>(&stored).is_ok());
                if Holds::of(&text).is_storable() {
                    prop_assert_eq!(stored.as_ref(), text.as_str());
                } else {
                    prop_assert!(!value.is_null());
                }
            }
        }
    }
}
