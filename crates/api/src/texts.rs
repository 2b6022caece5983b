//! The tenants of a submission as they were sent: one text, and where in it each of them stands.
//!
//! A tenant as a tree of JSON values takes ten times the memory of its text. So the text is kept,
//! and a tree is made of one tenant at a time.

use std::ops::Range;

use crate::arriving::Room;

/// JSON documents one after the other, each of them read before and found to be one.
#[derive(Debug)]
pub(crate) struct Texts {
    text: Vec<u8>,
    /// In bytes of `text`.
    places: Vec<Range<usize>>,
    /// The place of the text among the bodies in memory.
    _room: Option<Room>,
}

impl Texts {
    /// The documents at `places` of `text`. What lies between them does not count.
    pub(crate) fn new(text: Vec<u8>, places: Vec<Range<usize>>) -> Self {
        Self { text, places, _room: None }
    }

    /// The one document that `text` is.
    pub(crate) fn one(text: Vec<u8>) -> Self {
        let whole = 0..text.len();
        Self { text, places: vec![whole], _room: None }
    }

    /// The same, with the place that the text takes among the bodies in memory.
    pub(crate) fn holding(self, room: Option<Room>) -> Self {
        Self { _room: room, ..self }
    }

    /// How many documents there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Those from the `from`-th on.
    ///
    /// # Panics
    /// When one is not UTF-8: the caller checks that before.
    pub(crate) fn from(&self, from: usize) -> impl Iterator<Item = &str> {
        self.places.iter().skip(from).map(|place| {
            std::str::from_utf8(&self.text[place.clone()]).expect("it was found to be JSON")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_them_from_any_on() {
        let texts = Texts::new(b"1, [2],{}".to_vec(), vec![0..1, 3..6, 7..9]);

        let from = |from| texts.from(from).collect::<Vec<_>>();

        assert_eq!(from(0), ["1", "[2]", "{}"]);
        assert_eq!(from(2), ["{}"]);
        assert!(from(3).is_empty() && texts.len() == 3);
    }

    #[test]
    fn one_text_can_be_one_document() {
        let texts = Texts::one(b" [1] ".to_vec());

        assert_eq!(texts.from(0).collect::<Vec<_>>(), [" [1] "]);
    }
}
