//! What a schema holds, object by object, in a form that two schemas can be compared by.

use std::collections::BTreeMap;

use domain::SchemaName;
use sqlx::PgConnection;

use crate::survey::{self, Depth};

/// Every object in a schema: its kind and name, and its definition, in which each name has its
/// schema's before it. The definition is for comparing, and may hold SQL: show the names only.
pub type Shape = BTreeMap<String, String>;

/// Reads what a schema holds. One message, at the cost of this schema alone. Empty when there is
/// no such schema.
///
/// # Errors
/// When the catalogues cannot be read.
pub async fn read(conn: &mut PgConnection, schema: &SchemaName) -> sqlx::Result<Shape> {
    Ok(survey::read(conn, schema, Depth::FULL, None).await?.shape)
}

/// Says how a shape differs from the expected one, in sentences without SQL.
pub(crate) fn differences(expected: &Shape, found: &Shape) -> Vec<String> {
    let wrong = expected.iter().filter_map(|(object, definition)| match found.get(object) {
        None => Some(format!("{object} is missing")),
        Some(other) if other != definition => {
            Some(format!("{object} is not what the migrations make it"))
        }
        Some(_) => None,
    });
    // what has a definition is an object of its own too
    let extra = found.keys().filter(|object| !object.starts_with("definition of "));
    let extra = extra.filter(|object| !expected.contains_key(*object));
    wrong.chain(extra.map(|object| format!("{object} is in no migration"))).collect()
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
