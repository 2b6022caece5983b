//! An error and its causes on one line.

use std::{error::Error, fmt::Write as _};

/// The error's message and, after colons, those of its causes.
///
/// A cause that the message before already ends with is left out: libraries
/// print their source in their own message, ours do not.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.ends_with(&message) {
            write!(text, ": {message}").expect("writing to a String cannot fail");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{message}")]
    struct Act {
        message: &'static str,
        #[source]
        cause: Option<Box<Act>>,
    }

    fn act(message: &'static str, cause: Option<Act>) -> Act {
        Act { message, cause: cause.map(Box::new) }
    }

    #[test]
    fn names_every_cause_once_from_the_act_to_its_root() {
        let root = act("connection refused", None);
        let error = act("could not submit", Some(act("could not connect", Some(root))));

        assert_eq!(chain(&error), "could not submit: could not connect: connection refused");
    }

    #[test]
    fn does_not_repeat_a_cause_that_a_library_has_printed_already() {
        let root = act("disk full", None);
        let error = act("could not save", Some(act("database said: disk full", Some(root))));

        assert_eq!(chain(&error), "could not save: database said: disk full");
    }

    #[test]
    fn is_the_message_alone_without_a_cause() {
        assert_eq!(chain(&act("no", None)), "no");
    }

    #[test]
    fn reads_the_causes_of_an_anyhow_error() {
        let error = anyhow::Error::new(act("root", None)).context("outer");

        assert_eq!(chain(error.as_ref()), "outer: root");
    }
}
