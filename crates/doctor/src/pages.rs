//! Reads a table in pages.

use sqlx::{
    Decode, PgConnection, Postgres, Row, Type,
    postgres::{PgArguments, PgRow},
    query::Query,
};

/// The pages of a query that is ordered by its first column; holds that column's last value.
#[derive(Debug)]
pub(crate) struct Pages<K>(pub(crate) K);

impl<K> Pages<K>
where
    K: Clone + Type<Postgres> + for<'r> Decode<'r, Postgres>,
{
    /// The rows of `query`, which asks for those after a value; `None` behind the last.
    pub(crate) async fn next(
        &mut self,
        conn: &mut PgConnection,
        query: impl FnOnce(K) -> Query<'static, Postgres, PgArguments>,
    ) -> sqlx::Result<Option<Vec<PgRow>>> {
        let rows = query(self.0.clone()).fetch_all(conn).await?;
        let Some(last) = rows.last() else { return Ok(None) };
        self.0 = last.try_get(0)?;
        Ok(Some(rows))
    }
}
