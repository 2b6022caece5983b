//! What a schema holds, object by object, in a form that two schemas can be compared by.

use std::collections::BTreeMap;

use domain::SchemaName;
use sqlx::{AssertSqlSafe, Connection, FromRow, PgConnection};

use crate::ident::run;
use crate::scratch;
use crate::survey;

/// Every object in a schema: its kind and name, and its definition, in which each name has its
/// schema's before it. The definition is for comparing, and may hold SQL: show the names only.
pub type Shape = BTreeMap<String, String>;

/// Reads what a schema holds. One message, at the cost of this schema alone. Empty when there is
/// no such schema.
pub async fn read(conn: &mut PgConnection, schema: &SchemaName) -> sqlx::Result<Shape> {
    Ok(survey::read(conn, schema).await?.shape)
}

const SEQUENCES: &str = include_str!("queries/sequences.sql");

/// Columns of a schema whose sequences are behind them, in sentences: the next row would be refused.
/// Two messages; each column is looked up by an index, and one that has none is passed over.
///
/// # Errors
/// When the catalogues or the tables cannot be read.
pub async fn sequences_behind(
    conn: &mut PgConnection,
    schema: &SchemaName,
) -> sqlx::Result<Vec<String>> {
    let statements: Vec<String> =
        sqlx::query_scalar(SEQUENCES).bind(schema.as_str()).fetch_all(&mut *conn).await?;
    if statements.is_empty() {
        return Ok(Vec::new());
    }
    let text = statements.join("\nunion all\n");
    let rows = sqlx::raw_sql(AssertSqlSafe(text)).fetch_all(conn).await?;
    let sentence = |row| {
        let (sequence, column, top, next) = <(String, String, i64, i64)>::from_row(row)?;
        Ok(format!(
            "the next value of sequence {sequence} is {next}, and {column} has {top} already"
        ))
    };
    rows.iter().map(sentence).collect()
}

/// What the scripts of a schema make of an empty one, and how the schema that is there differs from
/// it, in sentences. Each script names the schema before every object. It takes one transaction, which
/// is rolled back.
///
/// Objects that are in no script are told if they are parts of a table that is in one.
///
/// # Errors
/// When a script fails, or the catalogues cannot be read.
pub async fn differences_from_scripts(
    conn: &mut PgConnection,
    schema: &str,
    scripts: impl IntoIterator<Item = &str>,
) -> sqlx::Result<Vec<String>> {
    let mut tx = conn.begin().await?;
    let scratch = scratch::create(&mut tx).await?;
    let (qualified, put) = (format!("{schema}."), format!("{scratch}."));
    for script in scripts {
        run(&mut tx, script.replace(&qualified, &put)).await?;
    }
    let expected = survey::read_named(&mut tx, scratch.as_str()).await?;
    let found = survey::read_named(&mut tx, schema).await?;
    tx.rollback().await?;
    let expected = with_names(&expected, |text| text.replace(&put, &qualified));
    let is_part = |object: &str| {
        let table = object.split_once(' ').and_then(|(_, name)| name.split_once('.'));
        table.is_some_and(|(table, _)| expected.contains_key(&format!("table {table}")))
    };
    let found = found.into_iter().filter(|(o, _)| expected.contains_key(o) || is_part(o));
    Ok(differences(&expected, &found.collect()))
}

/// The first ten of the differences, and how many more there are.
#[must_use]
pub fn listing(differences: &[String]) -> String {
    const NAMED: usize = 10;
    let named = differences[..differences.len().min(NAMED)].join(", ");
    match differences.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named}, and {more} more"),
    }
}

/// The same shape with other names in it.
pub(crate) fn with_names(shape: &Shape, put: impl Fn(&str) -> String) -> Shape {
    shape.iter().map(|(object, definition)| (put(object), put(definition))).collect()
}

/// How a shape differs from the expected one in an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    Missing,
    Changed,
    Extra,
}

impl Difference {
    /// Stable.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Changed => "differs",
            Self::Extra => "extra",
        }
    }

    pub(crate) fn sentence(self, object: &str) -> String {
        match self {
            Self::Missing => format!("{object} is missing"),
            Self::Changed => format!("{object} is not what the migrations make it"),
            Self::Extra => format!("{object} is in no migration"),
        }
    }
}

/// The objects in which a shape differs from the expected one.
pub(crate) fn compare<'s>(
    expected: &'s Shape,
    found: &'s Shape,
) -> impl Iterator<Item = (&'s str, Difference)> {
    let wrong = expected.iter().filter_map(|(object, definition)| match found.get(object) {
        None => Some((object.as_str(), Difference::Missing)),
        Some(other) => (other != definition).then_some((object.as_str(), Difference::Changed)),
    });
    // what has a definition is an object of its own too
    let extra = found.keys().filter(|object| !object.starts_with("definition of "));
    let extra = extra.filter(|object| !expected.contains_key(*object));
    wrong.chain(extra.map(|object| (object.as_str(), Difference::Extra)))
}

/// Says how a shape differs from the expected one, in sentences without SQL.
pub(crate) fn differences(expected: &Shape, found: &Shape) -> Vec<String> {
    compare(expected, found).map(|(object, how)| how.sentence(object)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(objects: &[(&str, &str)]) -> Shape {
        objects.iter().map(|(o, d)| ((*o).to_owned(), (*d).to_owned())).collect()
    }

    #[test]
    fn tells_missing_changed_and_extra_objects_without_their_definitions() {
        let expected = shape(&[("table a", "1"), ("table b", "secret"), ("table c", "3")]);
        let found = shape(&[("table b", "other"), ("table c", "3"), ("table d", "4")]);

        let told = differences(&expected, &found);

        assert_eq!(
            told,
            [
                "table a is missing",
                "table b is not what the migrations make it",
                "table d is in no migration"
            ]
        );
    }
}
