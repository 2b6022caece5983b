//! What a tenant is called: shown to people, never used in SQL.

use crate::text::{TextError, check_line, text_newtype};

/// The field of a request.
const FIELD: &str = "tenant_name";

/// Longest name, in characters.
const MAX_CHARS: usize = 255;

/// What people call the tenant: 1–255 characters, no control characters, no white space around it.
/// Names may repeat.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantName(String);

impl TenantName {
    /// The name in `text`, without white space around it.
    ///
    /// # Errors
    /// When `text` is blank, longer than 255 characters, or has a control character.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let text = text.trim();
        if text.chars().any(turns_direction) {
            return Err(TextError::ControlCharacter(FIELD));
        }
        Self::from_registry(text.to_owned())
    }

    /// The name as the registry holds it. An earlier release accepted white space around it, and
    /// characters that turn the direction of a text.
    ///
    /// # Errors
    /// When `stored` is blank, longer than 255 characters, or has a control character.
    pub fn from_registry(stored: String) -> Result<Self, TextError> {
        check_line(FIELD, &stored, MAX_CHARS)?;
        if stored.chars().all(shows_nothing) {
            return Err(TextError::Empty(FIELD));
        }
        Ok(Self(stored))
    }

    /// The name reduced to `[a-z0-9_]`, for the readable part of a schema's or a key's name. Letters
    /// of other alphabets are written in this one; every run of other characters becomes one `_`,
    /// none at the ends; `tenant` when nothing is left. Two names may have the same slug.
    #[must_use]
    pub fn slug(&self) -> String {
        let mut slug = String::with_capacity(self.0.len());
        for c in deunicode::deunicode_with_tofu(&self.0, "_").chars() {
            if c.is_ascii_alphanumeric() {
                slug.push(c.to_ascii_lowercase());
            } else if !slug.is_empty() && !slug.ends_with('_') {
                slug.push('_');
            }
        }
        if slug.ends_with('_') {
            slug.pop();
        }
        if slug.is_empty() { "tenant".to_owned() } else { slug }
    }
}

/// Makes what follows run the other way, up to where the eye no longer sees what a name is.
pub(crate) fn turns_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// White space, or a character without a width of its own.
pub(crate) fn shows_nothing(c: char) -> bool {
    let formats = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}');
    formats || c.is_whitespace()
}

text_newtype!(TenantName, TextError);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keeps_a_good_name_as_it_is() {
        for name in ["Acme", "Acme, Inc.", "Ünïcode 株式会社", "'; drop schema public; --", "🦀"]
        {
            assert_eq!(TenantName::parse(name).unwrap().as_str(), name);
        }
        assert_eq!(TenantName::parse("\u{a0} Acme\t\n").unwrap().as_str(), "Acme");
    }

    #[test]
    fn a_name_that_an_earlier_release_took_stays_as_it_is() {
        for name in [" Acme ", "\u{202e}evil"] {
            assert_eq!(TenantName::from_registry(name.to_owned()).unwrap().as_str(), name);
        }
        assert!(TenantName::from_registry("a\n".to_owned()).is_err());
    }

    #[test]
    fn refuses_blank_names() {
        for name in ["", " ", "\u{a0}\u{3000}", "\u{200b}", "\u{200d} \u{feff}", "\u{3164}", "\n"] {
            assert_eq!(TenantName::parse(name), Err(TextError::Empty(FIELD)), "{name:?}");
        }
    }

    #[test]
    fn refuses_control_characters_wherever_they_are() {
        for name in [
            "a\nb",
            "a\rb",
            "a\0b",
            "a\tb",
            "\u{1b}[31m",
            "a\u{7f}",
            "a\u{85}b",
            "\u{202e}evil",
            "a\u{2069}",
        ] {
            let refused = TenantName::parse(name);
            assert_eq!(refused, Err(TextError::ControlCharacter(FIELD)), "{name:?}");
        }
    }

    #[test]
    fn counts_characters_and_not_bytes() {
        assert!(TenantName::parse(&"é".repeat(255)).is_ok());
        assert_eq!(TenantName::parse(&"é".repeat(256)), Err(TextError::TooLong(FIELD, MAX_CHARS)));
        assert_eq!(
            TenantName::parse(&"a".repeat(1 << 20)),
            Err(TextError::TooLong(FIELD, MAX_CHARS))
        );
    }

    #[test]
    fn makes_a_readable_slug() {
        let slug = |name: &str| TenantName::parse(name).unwrap().slug();

        assert_eq!(slug("Acme, Inc."), "acme_inc");
        assert_eq!(slug("__a--B__"), "a_b");
        assert_eq!(slug("Bücher 24"), "bucher_24");
        assert_eq!(slug("café Ångström"), "cafe_angstrom");
        assert_eq!(slug("株式会社"), "zhu_shi_hui_she");
        assert_eq!(slug("!?"), "tenant");
        assert_eq!(slug("\u{212a}elvin"), "kelvin", "written with the Kelvin sign");
    }

    proptest! {
        #[test]
        fn slugs_are_always_plain_and_never_empty(name in any::<String>()) {
            if let Ok(name) = TenantName::parse(&name) {
                let slug = name.slug();
                prop_assert!(!slug.is_empty());
                prop_assert!(slug.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_')));
                prop_assert!(!slug.starts_with('_') && !slug.ends_with('_'));
                prop_assert!(!slug.contains("__"));
            }
        }

        #[test]
        fn accepts_exactly_what_the_rule_says(name in "\\PC{0,260}|(?s:.){0,20}") {
            let kept = name.trim();
            let allowed = !kept.chars().all(shows_nothing)
                && kept.chars().count() <= 255
                && !kept.chars().any(|c| c.is_control() || turns_direction(c));
            prop_assert_eq!(TenantName::parse(&name).is_ok(), allowed);
        }
    }
}
