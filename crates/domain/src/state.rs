//! What states, modes and roles share: one word each, in the database and in JSON alike.

/// The word is not one of those that a state, a mode or a role can be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not {kind}")]
pub struct UnknownState {
    pub(crate) kind: &'static str,
    pub(crate) word: String,
}

/// Makes an enum of words, with its list of values, and reading and printing by them.
///
/// A word is taken as a token: the description of the API does not see through a `literal`.
macro_rules! words {
    (
        $(#[$meta:meta])*
        $name:ident: $kind:literal {
            $($(#[$about:meta])* $variant:ident = $word:tt,)*
        }
    ) => {
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize,
        )]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        $(#[$meta])*
        pub enum $name {
            $($(#[$about])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// Every value there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word for it, in the database and in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownState;

            fn from_str(word: &str) -> Result<Self, $crate::UnknownState> {
                match word {
                    $($word => Ok(Self::$variant),)*
                    _ => Err($crate::UnknownState { kind: $kind, word: word.to_owned() }),
                }
            }
        }
    };
}

pub(crate) use words;

#[cfg(test)]
mod tests {
    use std::fmt::{Debug, Display};
    use std::str::FromStr;

    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use crate::{
        DatabaseMode, Direction, Gate, ItemState, Kind, Mode, OnFailure, OperationState,
        PauseReason, Role, TenantHealth, TenantState, WaveOrder, WaveState,
    };

    fn assert_one_word<T>(all: &[T])
    where
        T: Copy + Debug + Display + PartialEq + FromStr + Serialize + DeserializeOwned,
    {
        for value in all {
            let word = value.to_string();
            assert_eq!(word.parse::<T>().ok(), Some(*value));
            assert_eq!(serde_json::to_value(value).unwrap(), serde_json::json!(word));
            assert_eq!(serde_json::from_value::<T>(serde_json::json!(word)).unwrap(), *value);
        }
    }

    #[test]
    fn a_value_is_the_same_word_printed_parsed_and_in_json() {
        assert_one_word(ItemState::ALL);
        assert_one_word(OperationState::ALL);
        assert_one_word(TenantState::ALL);
        assert_one_word(TenantHealth::ALL);
        assert_one_word(Mode::ALL);
        assert_one_word(Kind::ALL);
        assert_one_word(Direction::ALL);
        assert_one_word(DatabaseMode::ALL);
        assert_one_word(Role::ALL);
        assert_one_word(Gate::ALL);
        assert_one_word(OnFailure::ALL);
        assert_one_word(PauseReason::ALL);
        assert_one_word(WaveOrder::ALL);
        assert_one_word(WaveState::ALL);
    }

    #[test]
    fn an_unknown_word_is_named() {
        let unknown = "Queued".parse::<ItemState>().unwrap_err();

        assert_eq!(unknown.to_string(), "`Queued` is not a state of an item");
    }
}
