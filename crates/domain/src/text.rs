//! What every parsed piece of text shares: its limits, reading it, printing it, JSON.

/// A text cannot be the value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// There is nothing in it that can be seen.
    #[error("{0} is empty")]
    Empty(&'static str),
    /// It has more characters than are allowed.
    #[error("{0} is longer than {1} characters")]
    TooLong(&'static str, usize),
    /// A control character (line feed, NUL, escape, …) is in it, or one that turns the direction of
    /// what follows.
    #[error("{0} contains a control character")]
    ControlCharacter(&'static str),
    /// A control character is in a text that may have lines.
    #[error("{0} contains a control character other than tab and line ends")]
    OtherControlCharacter(&'static str),
}

/// Refuses a `text` of more than `most` characters, and one that is longer than a line.
pub(crate) fn check_line(field: &'static str, text: &str, most: usize) -> Result<(), TextError> {
    if text.chars().nth(most).is_some() {
        return Err(TextError::TooLong(field, most));
    }
    if text.chars().any(char::is_control) {
        return Err(TextError::ControlCharacter(field));
    }
    Ok(())
}

/// The description in `text`, kept exactly as it is: at most 4000 characters, a page, it may be empty;
/// of the control characters only tab, line feed and carriage return.
pub(crate) fn description(text: &str) -> Result<String, TextError> {
    const FIELD: &str = "description";
    const MAX_CHARS: usize = 4000;
    if text.chars().nth(MAX_CHARS).is_some() {
        return Err(TextError::TooLong(FIELD, MAX_CHARS));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
        return Err(TextError::OtherControlCharacter(FIELD));
    }
    Ok(text.to_owned())
}

/// Gives a `struct Name(String)` with a `parse` its reading, printing, and JSON as a plain string
/// that is parsed again on the way in.
macro_rules! text_newtype {
    ($name:ident, $error:ty) => {
        impl $name {
            /// The text, in its normal form.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, $error> {
                Self::parse(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use text_newtype;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_may_have_lines_and_tabs_but_no_nul_or_escape() {
        let other = Err(TextError::OtherControlCharacter("description"));

        assert_eq!(description("a\r\n\tb").unwrap(), "a\r\n\tb");
        assert_eq!((description("a\0"), description("\u{1b}[0m")), (other.clone(), other));
    }

    #[test]
    fn the_characters_of_a_description_are_counted_and_not_its_bytes() {
        assert!(description(&"é".repeat(4000)).is_ok());
        assert_eq!(description(&"é".repeat(4001)), Err(TextError::TooLong("description", 4000)));
    }
}
