//! An answer's fields in the order in which the API sent them.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The fields of one object, each value as it was written: a number keeps its digits.
#[derive(Debug)]
pub(crate) struct Fields(pub(crate) Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_order_and_every_digit() {
        let Fields(fields) = serde_json::from_str(r#"{"b":1.10,"a":{"x":[ 1 ]}}"#).unwrap();

        let told: Vec<_> = fields.iter().map(|(name, it)| (name.as_str(), it.get())).collect();
        assert_eq!(told, [("b", "1.10"), ("a", r#"{"x":[ 1 ]}"#)]);
    }
}
