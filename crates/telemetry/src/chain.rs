//! An error and its causes on one line.

use std::{error::Error, fmt::Write as _};

use sqlx::postgres::PgDatabaseError;

/// The error's message and, after colons, those of its causes.
///
/// A cause that the message before already ends with is left out: libraries
/// print their source in their own message, ours do not. What the database said
/// stands there as its message, detail and hint.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut database = None;
    let mut cause = Some(error);
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.ends_with(&message) {
            write!(text, ": {message}").expect("writing to a String cannot fail");
        }
        database = database.or_else(|| said_by_database(error));
        cause = error.source();
    }
    match database {
        // Its own `Display` adds a line number of the server's source.
        Some(error) => text.replace(&error.to_string(), &words(error)),
        None => text,
    }
}

fn said_by_database<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e PgDatabaseError> {
    error.downcast_ref::<sqlx::Error>()?.as_database_error()?.try_downcast_ref()
}

/// Message, detail and hint. The details of classes 22 and 23 quote a row's values: not told.
fn words(error: &PgDatabaseError) -> String {
    let mut text = error.message().to_owned();
    let quotes_values = ["22", "23"].iter().any(|class| error.code().starts_with(class));
    let detail = error.detail().filter(|_| !quotes_values);
    for more in detail.into_iter().chain(error.hint()) {
        write!(text, "; {}", more.trim_end_matches('.')).expect("writing to a String cannot fail");
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

    async fn refused(sql: &'static str) -> sqlx::Error {
        let db = harness::empty_db().await;
        sqlx::raw_sql(sql).execute(&db.pool).await.unwrap_err()
    }

    #[derive(Debug, thiserror::Error)]
    #[error("could not sum")]
    struct Sum(#[source] sqlx::Error);

    #[tokio::test]
    async fn gives_the_databases_words_without_lines_of_its_source() {
        let error = refused("select sum('a'::text)").await;
        assert!(error.to_string().contains(" at line "), "{error}");

        let told = chain(&Sum(error));

        assert!(!told.contains(" at line "), "{told}");
        assert!(told.starts_with("could not sum: "), "{told}");
        assert!(told.contains("sum(text) does not exist; No function matches"), "{told}");
        assert_eq!(told.matches("does not exist").count(), 1, "{told}");
    }

    #[tokio::test]
    async fn does_not_tell_the_values_of_a_row() {
        let insert = "create table t (id int primary key); insert into t values (4711), (4711)";

        let told = chain(&refused(insert).await);

        assert!(told.contains("duplicate key") && !told.contains("4711"), "{told}");
    }

    #[test]
    fn reads_the_causes_of_an_anyhow_error() {
        let error = anyhow::Error::new(act("root", None)).context("outer");

        assert_eq!(chain(error.as_ref()), "outer: root");
    }
}
