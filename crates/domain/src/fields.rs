//! The fields of a JSON object, each as the text it was sent as.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

use crate::{FieldError, FieldErrors, codes, pointer_step};

/// The fields of a JSON object by name. Texts, and no values: a number's value is in its text alone.
#[derive(Debug, Default)]
pub struct Fields<'a> {
    by_name: BTreeMap<String, &'a RawValue>,
    /// A name that came twice.
    repeated: Option<String>,
}

impl<'a> Fields<'a> {
    /// The fields of the object `text`; `None` when it is something else.
    #[must_use]
    pub fn of(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The field `name`; `null` is taken as absent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.by_name.get(name).copied().filter(|field| field.get() != "null")
    }

    /// The field `name`, `null` too.
    pub(crate) fn sent(&self, name: &str) -> Option<&'a RawValue> {
        self.by_name.get(name).copied()
    }

    /// Whether the field `name` is there and `null`.
    pub(crate) fn is_null(&self, name: &str) -> bool {
        self.sent(name).is_some_and(|field| field.get() == "null")
    }

    /// Every name once.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Tells of the fields that are not `known` or are there twice, in an object that is `at` this
    /// pointer.
    pub(crate) fn strangers(
        &self,
        at: &str,
        known: &[&str],
        twice: &str,
        unknown: &str,
    ) -> FieldErrors {
        let mut errors = FieldErrors::default();
        let pointer = |name| format!("{at}/{}", pointer_step(name));
        if let Some(name) = self.repeated() {
            errors.push(|| FieldError::new(pointer(name), &codes::REPEATED_FIELD, twice));
        }
        for name in self.names().filter(|name| !known.contains(name)) {
            errors.push(|| FieldError::new(pointer(name), &codes::UNKNOWN_FIELD, unknown));
        }
        errors
    }

    /// A name that came twice.
    #[must_use]
    pub fn repeated(&self) -> Option<&str> {
        self.repeated.as_deref()
    }
}

/// `text` as a tree, in which numbers have lost digits; `Null` when it cannot be one.
pub(crate) fn tree(text: &RawValue) -> Value {
    serde_json::from_str(text.get()).unwrap_or_default()
}

/// A name that comes twice in one object of `text`, at any depth.
pub(crate) fn repeated_name(text: &RawValue) -> Option<String> {
    serde_json::from_str::<Repeated>(text.get()).ok()?.0.map(|twice| twice.name)
}

/// The JSON pointer of a field that comes twice in its object, at any depth of the document `text`.
#[must_use]
pub fn repeated_field(text: &str) -> Option<String> {
    let twice = serde_json::from_str::<Repeated>(text).ok()?.0?;
    Some(twice.steps.iter().rev().map(|step| format!("/{step}")).collect())
}

/// The first name of a JSON document that comes twice in its object.
struct Repeated(Option<Twice>);

struct Twice {
    name: String,
    /// Of its pointer, the last one first.
    steps: Vec<String>,
}

impl Twice {
    fn within(mut self, step: String) -> Self {
        self.steps.push(step);
        self
    }
}

impl<'de> Deserialize<'de> for Repeated {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Repeated(None))
    }
}

/// Nothing repeats in what has no names.
macro_rules! plain {
    ($($visit:ident: $value:ty),*) => {$(
        fn $visit<E>(self, _: $value) -> Result<Self, E> {
            Ok(self)
        }
    )*};
}

impl<'de> Visitor<'de> for Repeated {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    plain!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self, A::Error> {
        let (mut first, mut place) = (None, 0_usize);
        while let Some(Self(repeated)) = values.next_element()? {
            first = first.or(repeated.map(|twice: Twice| twice.within(place.to_string())));
            place += 1;
        }
        Ok(Self(first))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let (mut first, mut names) = (None, HashSet::new());
        while let Some((name, Self(repeated))) = map.next_entry::<String, Self>()? {
            first = first.or(repeated.map(|twice| twice.within(pointer_step(&name))));
            if !names.insert(name.clone()) {
                let steps = vec![pointer_step(&name)];
                first.get_or_insert(Twice { name, steps });
            }
        }
        Ok(Self(first))
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Fields::default();
                while let Some((name, field)) = map.next_entry::<String, &'de RawValue>()? {
                    if fields.by_name.insert(name.clone(), field).is_some() {
                        fields.repeated.get_or_insert(name);
                    }
                }
                Ok(fields)
            }
        }
        from.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_text_of_each_field_and_sees_a_name_that_comes_twice() {
        let fields = Fields::of(r#"{"a": 1.50, "b": null, "\u0061": [2e1 ]}"#).unwrap();

        assert_eq!(fields.get("a").map(RawValue::get), Some("[2e1 ]"));
        assert!(fields.get("b").is_none() && fields.get("c").is_none());
        assert_eq!(fields.names().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(fields.repeated(), Some("a"));
        for other in ["[]", "1", "null", "{", "\"a\""] {
            assert!(Fields::of(other).is_none(), "{other}");
        }
    }

    #[test]
    fn points_at_a_field_that_comes_twice_at_any_depth() {
        let at = |text| repeated_field(text);

        assert_eq!(at(r#"{"a": 1, "\u0061": 1}"#).as_deref(), Some("/a"));
        assert_eq!(
            at(r#"{"a": [{}, {"b/": {"c": 1, "c": null}}]}"#).as_deref(),
            Some("/a/1/b~1/c")
        );
        assert_eq!(at(r#"[{"a": 1}, {"a": {"a": "a"}}]"#), None);
        assert_eq!(at("{"), None);
    }
}
