//! Whether a text is JSON, told without keeping anything of it.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};

/// Any JSON document. Refuses what [`serde_json::Value`] refuses, at the same place, and names that
/// mean something to `serde_json` itself; takes no memory: `serde::de::IgnoredAny` would let text that is no UTF-8, numbers that are too large and
/// any depth pass.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WellFormed;

impl<'de> Deserialize<'de> for WellFormed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for WellFormed {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any valid JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self, A::Error> {
        while let Some(Name(is_magic)) = fields.next_key()? {
            if is_magic {
                return Err(A::Error::custom("a name that no object may have"));
            }
            fields.next_value::<Self>()?;
        }
        Ok(self)
    }
}

/// A field's name, and whether a parser takes it for a sign of its own: the value behind it would be
/// read as JSON again.
struct Name(bool);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field's name")
            }

            fn visit_str<E>(self, name: &str) -> Result<Name, E> {
                Ok(Name(name.starts_with("$serde_json::private::")))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn agree(text: &[u8]) -> Result<(), TestCaseError> {
        let kept = serde_json::from_slice::<Value>(text).map(|_| WellFormed);
        let told = serde_json::from_slice::<WellFormed>(text);

        prop_assert_eq!(kept.map_err(|e| e.to_string()), told.map_err(|e| e.to_string()));
        Ok(())
    }

    #[test]
    fn says_of_everything_odd_what_a_parser_says() {
        let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
        for text in [
            "",
            "nul",
            "[1,]",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "{1:2}",
            "1e999",
            "-0.0e-999",
            "01",
            "123456789012345678901234567890",
            "\"\\ud800\"",
            "\"\\ud83d\\ude00\"",
            "\"a\u{1}\"",
            "\"\\u0000\"",
            "{\"a\": [true, false, null, -1, 2.5]} x",
            &deep(127),
            &deep(128),
        ] {
            agree(text.as_bytes()).unwrap();
        }
        agree(b"\"\xff\"").unwrap();
        agree(b"{\"\xc3\": 1}").unwrap();
    }

    #[test]
    fn refuses_a_name_that_a_parser_takes_for_its_own() {
        for text in [
            r#"{"$serde_json::private::RawValue": "nul"}"#,
            r#"[{"\u0024serde_json::private::Number": "1"}]"#,
        ] {
            assert!(serde_json::from_str::<WellFormed>(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_parser(text in "[\\[\\]{}\",:0-9eE.+\\-\\\\u a-fntr]{0,24}") {
            agree(text.as_bytes())?;
        }

        #[test]
        fn agrees_with_a_parser_on_any_bytes(text in prop::collection::vec(any::<u8>(), 0..16)) {
            agree(&text)?;
        }
    }
}
