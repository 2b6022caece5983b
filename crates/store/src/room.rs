//! How many connections the server has for a process.

use sqlx::{PgConnection, Row as _};

/// The connections of a server that this database user may open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// All that there are: the server's, without those it keeps for superusers, the database's and
    /// the user's own limit.
    pub most: i64,
    /// Those that others have open.
    pub taken: i64,
}

/// Counts the server's connections; the one that asks is not counted.
pub async fn room(conn: &mut PgConnection) -> sqlx::Result<Room> {
    // -1: no limit. `reserved_connections` is there from PostgreSQL 16 on.
    let row = sqlx::query(
        "select least(
                current_setting('max_connections')::bigint
                    - current_setting('superuser_reserved_connections')::bigint
                    - coalesce(current_setting('reserved_connections', true)::bigint, 0),
                nullif(r.rolconnlimit, -1), nullif(d.datconnlimit, -1)) as most,
            (select count(*) from pg_catalog.pg_stat_activity a
             where a.backend_type = 'client backend' and a.pid <> pg_backend_pid()) as taken
         from pg_catalog.pg_roles r, pg_catalog.pg_database d
         where r.rolname = session_user and d.datname = current_database()",
    )
    .fetch_one(conn)
    .await?;
    Ok(Room { most: row.try_get("most")?, taken: row.try_get("taken")? })
}

impl Room {
    /// What to tell an operator when a process that may open `wanted` connections, as `settings`
    /// say, will not get them all.
    #[must_use]
    pub fn shortage(self, wanted: u32, settings: &str) -> Option<String> {
        let free = (self.most - self.taken).max(0);
        (i64::from(wanted) > free).then(|| {
            format!(
                "this process may open {wanted} database connections ({settings}), and {free} of \
                 the {} that its user may have are free: lower that setting, or raise \
                 max_connections of the server",
                self.most
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn counts_what_the_server_and_the_database_allow() {
        let db = harness::empty_db().await;
        let mut conn = db.pool.acquire().await.unwrap();
        let servers = room(&mut conn).await.unwrap();
        let name: String = sqlx::query_scalar("select current_database()::text")
            .fetch_one(&mut *conn)
            .await
            .unwrap();
        let limit = format!("alter database \"{name}\" connection limit 7");
        sqlx::raw_sql(sqlx::AssertSqlSafe(limit)).execute(&mut *conn).await.unwrap();

        let databases = room(&mut conn).await.unwrap();

        assert_eq!((servers.most, databases.most), (297, 7));
    }

    #[test]
    fn names_the_setting_when_there_are_too_few() {
        let room = Room { most: 22, taken: 12 };

        let told = room.shortage(16, "database.max_connections = 16").unwrap();

        assert!(told.contains("10 of the 22") && told.contains("max_connections = 16"), "{told}");
        assert_eq!(room.shortage(10, ""), None);
    }
}
