//! What a set of migrations makes of an empty schema.

use std::hash::{BuildHasher, RandomState};

use domain::SchemaName;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use crate::Ident;
use crate::migrations::{self, MigrateError, MigrationSet};
use crate::shape::{self, Shape};

/// The shape that a set of migrations promises, to hold schemas against.
///
/// It was learnt in a scratch schema whose name is long and random. Definitions name it, so it
/// is put in for the name of the schema to compare: exactly what the server would say of that.
#[derive(Debug, Clone)]
pub struct Promise {
    scratch: String,
    path: String,
    shape: Shape,
}

impl Promise {
    /// Applies the set in a scratch schema, records what it makes and rolls it all back. Once per
    /// set and process. In a transaction of the caller it works in a savepoint.
    ///
    /// # Errors
    /// As [`migrations::apply`]: a set that fails here would fail in every tenant.
    pub async fn learn(conn: &mut PgConnection, set: &MigrationSet) -> Result<Self, MigrateError> {
        let failed = |source| MigrateError::Database { source };
        let mut tx = conn.begin().await.map_err(failed)?;
        let path = search_path(&mut tx).await.map_err(failed)?;
        let scratch = scratch_name();
        let create = format!("create schema {}", Ident::from(&scratch));
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut *tx).await.map_err(failed)?;
        migrations::apply(&mut tx, &scratch, set).await?;
        let shape = shape::read(&mut tx, &scratch).await.map_err(failed)?;
        tx.rollback().await.map_err(failed)?;
        Ok(Self { scratch: scratch.as_str().to_owned(), path, shape })
    }

    /// The shape promised to a schema, whose name the server spells as given.
    pub(crate) fn shape_in(&self, schema: &str) -> Shape {
        let schema = format!("{schema}.");
        let scratch = format!("{}.", self.scratch);
        let put = |text: &String| text.replace(&scratch, &schema);
        self.shape.iter().map(|(object, definition)| (put(object), put(definition))).collect()
    }

    /// The search path that the shape was read under.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }
}

async fn search_path(conn: &mut PgConnection) -> sqlx::Result<String> {
    sqlx::query("select current_setting('search_path')").fetch_one(conn).await?.try_get(0)
}

/// A name that nobody has: it also must not be found in any definition by chance.
fn scratch_name() -> SchemaName {
    let random = RandomState::new().hash_one(std::process::id());
    SchemaName::parse(&format!("tn_promise_{random:016x}"))
        .expect("a fixed prefix and hexadecimal digits are a schema's name")
}
