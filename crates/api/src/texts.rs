//! The tenants of a submission as they were sent: one text, and where in it each of them stands.
//!
//! A tenant as a tree of JSON values takes ten times the memory of its text. So the text is kept,
//! and trees are made of a few tenants at a time.

use std::ops::Range;

use serde_json::Value;

/// JSON documents one after the other, each of them read before and found to be one.
#[derive(Debug)]
pub(crate) struct Texts {
    text: Vec<u8>,
    /// In bytes of `text`.
    places: Vec<Range<usize>>,
}

impl Texts {
    /// The documents at `places` of `text`. What lies between them does not count.
    pub(crate) fn new(text: Vec<u8>, places: Vec<Range<usize>>) -> Self {
        Self { text, places }
    }

    /// The one document that `text` is.
    pub(crate) fn one(text: Vec<u8>) -> Self {
        let whole = 0..text.len();
        Self { text, places: vec![whole] }
    }

    /// How many documents there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Those from the `from`-th on, at most `most`.
    ///
    /// # Panics
    /// When one is not JSON: whoever made this had to see to that.
    pub(crate) fn values(&self, from: usize, most: usize) -> impl Iterator<Item = Value> {
        self.places.iter().skip(from).take(most).map(|place| {
            serde_json::from_slice(&self.text[place.clone()]).expect("it was found to be JSON")
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn gives_a_few_at_a_time() {
        let texts = Texts::new(b"1, [2],{}".to_vec(), vec![0..1, 3..6, 7..9]);

        let few = |from| texts.values(from, 2).collect::<Vec<_>>();

        assert_eq!(few(0), [json!(1), json!([2])]);
        assert_eq!(few(2), [json!({})]);
        assert!(few(3).is_empty() && texts.len() == 3);
    }

    #[test]
    fn one_text_can_be_one_document() {
        let texts = Texts::one(b" [1] ".to_vec());

        assert_eq!(texts.values(0, 9).collect::<Vec<_>>(), [json!([1])]);
    }
}
