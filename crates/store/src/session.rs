//! What every session on the control database is like, whatever server, database and role have set.
//!
//! Settings travel with the connection's first message, and win there over `alter role … set` and
//! `alter database … set`. [`ready`] does the rest in one message, once a connection: it takes the
//! role of the owner of schema `tenantry`, so that PostgreSQL sees one role whichever user connects.

use sqlx::{Connection as _, PgConnection, Row as _, postgres::PgConnectOptions};

use crate::is_state;

/// Set in every session. What would change results comes first, then what would change speed.
///
/// `jit`: a look-up by key passes every threshold of the compiler, as the planner counts a scan that
/// is switched off as very dear: 20 tenants took 1.9 s instead of 0.2 s. `idle_session_timeout`: a
/// session that listens is silent for hours.
const SETTINGS: [(&str, &str); 24] = [
    // says that the others arrived
    ("tenantry.session", "ours"),
    ("quote_all_identifiers", "off"),
    ("standard_conforming_strings", "on"),
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_deferrable", "off"),
    ("row_security", "on"),
    ("check_function_bodies", "on"),
    ("transform_null_equals", "off"),
    ("array_nulls", "on"),
    ("bytea_output", "hex"),
    ("IntervalStyle", "postgres"),
    ("exit_on_error", "off"),
    ("search_path", "public"),
    ("lock_timeout", "0"),
    ("idle_session_timeout", "0"),
    ("jit", "off"),
    ("plan_cache_mode", "auto"),
    ("enable_indexscan", "on"),
    ("enable_indexonlyscan", "on"),
    ("enable_bitmapscan", "on"),
    ("enable_nestloop", "on"),
    ("enable_seqscan", "on"),
    ("enable_hashjoin", "on"),
    ("enable_mergejoin", "on"),
];

/// Takes the owner's role, sets what only newer servers have, and says whether the settings arrived.
/// One look at one catalogue: `pg_settings` would compute all settings for each of these.
const READY: &str = "
    select
        (select set_config('role', owner, false)
         from (select pg_get_userbyid(nspowner)::text as owner from pg_catalog.pg_namespace
               where nspname = 'tenantry') o
         where owner <> current_user) as role,
        case when current_setting('transaction_timeout', true) is not null
             then set_config('transaction_timeout', '0', false) end as timeout,
        case when current_setting('createrole_self_grant', true) is not null
             then set_config('createrole_self_grant', '', false) end as self_grant,
        current_setting('tenantry.session', true) is not distinct from 'ours' as arrived";

/// Why a session cannot be used. Told to an operator, never to a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionError {
    /// The connected user may not act for the owner of schema `tenantry`.
    NotOwner { user: String, owner: String, way_out: WayOut },
    /// The settings that the connection asked for are not in force.
    SettingsLost,
}

/// What can be done for a user that may not act for the owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WayOut {
    Grant,
    /// It is a member, and may not take the role: PostgreSQL 16 and newer.
    GrantSet,
    /// The owner is a superuser, whose rights a login role is not to get.
    AnotherOwner,
    /// The schema is somebody else's.
    AnotherDatabase,
}

impl std::fmt::Display for SessionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotOwner { user, owner, way_out } => {
                write!(
                    f,
                    "the database user {user} may not act for {owner}, the owner of schema \
                     tenantry: "
                )?;
                match way_out {
                    WayOut::Grant => write!(
                        f,
                        "run `grant {owner} to {user}`, or name another user in DATABASE_URL"
                    ),
                    WayOut::GrantSet => write!(f, "run `grant {owner} to {user} with set true`"),
                    WayOut::AnotherOwner => write!(
                        f,
                        "{owner} is a superuser; name it in DATABASE_URL, or give the \
                         installation another owner"
                    ),
                    WayOut::AnotherDatabase => f.write_str(
                        "there is nothing of Tenantry's in that schema; rename it, or use another \
                         database",
                    ),
                }
            }
            Self::SettingsLost => f.write_str(
                "the server did not take the connection's settings (`options`): connect to \
                 PostgreSQL itself, or to a pooler that passes them on",
            ),
        }
    }
}

impl std::error::Error for SessionError {}

impl SessionError {
    /// The session error that `error` is, if it is one.
    #[must_use]
    pub fn of(error: &sqlx::Error) -> Option<&Self> {
        match error {
            sqlx::Error::Configuration(cause) => cause.downcast_ref(),
            _ => None,
        }
    }
}

/// `options` with the settings of every session.
#[must_use]
pub fn with_settings(options: PgConnectOptions) -> PgConnectOptions {
    options.options(SETTINGS)
}

/// A connection outside any pool, ready for use. Says at once what a pool would wait for.
///
/// # Errors
/// The server's own words, or a [`SessionError`].
pub async fn open(options: &PgConnectOptions) -> sqlx::Result<PgConnection> {
    let mut conn = PgConnection::connect_with(options).await?;
    ready(&mut conn).await?;
    Ok(conn)
}

/// Makes a new connection one of ours. One message.
///
/// # Errors
/// As [`open`].
pub async fn ready(conn: &mut PgConnection) -> sqlx::Result<()> {
    let row = match sqlx::raw_sql(READY).fetch_one(&mut *conn).await {
        Ok(row) => row,
        Err(error) if is_state(&error, &["42501"]) => return Err(not_owner(conn, error).await),
        Err(error) => return Err(error),
    };
    if row.try_get("arrived")? { Ok(()) } else { Err(unusable(SessionError::SettingsLost)) }
}

/// The refusal with both roles named.
async fn not_owner(conn: &mut PgConnection, refused: sqlx::Error) -> sqlx::Error {
    let looked = sqlx::query_as(
        "select quote_ident(session_user), quote_ident(o.rolname),
             exists (select from pg_catalog.pg_class c
                     where c.relnamespace = n.oid and c.relname = 'installation'),
             o.rolsuper, pg_has_role(session_user, o.oid, 'member')
         from pg_catalog.pg_namespace n join pg_catalog.pg_roles o on o.oid = n.nspowner
         where n.nspname = 'tenantry'",
    );
    let Ok((user, owner, is_ours, is_super, is_member)) = looked.fetch_one(conn).await else {
        return refused;
    };
    let way_out = match (is_ours, is_super, is_member) {
        (false, ..) => WayOut::AnotherDatabase,
        (_, true, _) => WayOut::AnotherOwner,
        (_, _, true) => WayOut::GrantSet,
        _ => WayOut::Grant,
    };
    unusable(SessionError::NotOwner { user, owner, way_out })
}

fn unusable(error: SessionError) -> sqlx::Error {
    sqlx::Error::Configuration(Box::new(error))
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use super::*;

    /// Each setting with a value that is not ours.
    const FOREIGN: [(&str, &str); 24] = [
        ("tenantry.session", "theirs"),
        ("quote_all_identifiers", "on"),
        ("standard_conforming_strings", "off"),
        ("default_transaction_isolation", "serializable"),
        ("default_transaction_deferrable", "on"),
        ("row_security", "off"),
        ("check_function_bodies", "off"),
        ("transform_null_equals", "on"),
        ("array_nulls", "off"),
        ("bytea_output", "escape"),
        ("IntervalStyle", "iso_8601"),
        ("exit_on_error", "on"),
        ("search_path", "pg_catalog"),
        ("lock_timeout", "7"),
        ("idle_session_timeout", "60000"),
        ("jit", "on"),
        ("plan_cache_mode", "force_custom_plan"),
        ("enable_indexscan", "off"),
        ("enable_indexonlyscan", "off"),
        ("enable_bitmapscan", "off"),
        ("enable_nestloop", "off"),
        ("enable_seqscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
    ];

    async fn execute(db: &harness::Db, sql: String) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&db.pool).await.unwrap();
    }

    async fn database(db: &harness::Db) -> String {
        let name = sqlx::query_scalar("select current_database()::text");
        name.fetch_one(&db.pool).await.unwrap()
    }

    #[tokio::test]
    async fn settings_of_the_database_change_nothing_in_a_session() {
        let db = harness::fresh_db().await;
        let name = database(&db).await;
        for (setting, value) in FOREIGN {
            execute(&db, format!("alter database \"{name}\" set {setting} = '{value}'")).await;
        }
        let options = with_settings(PgConnectOptions::from_str(&db.url).unwrap());

        let mut conn = open(&options).await.unwrap();

        for (setting, value) in SETTINGS {
            let now: String = sqlx::query_scalar("select current_setting($1)")
                .bind(setting)
                .fetch_one(&mut conn)
                .await
                .unwrap();
            assert_eq!(now, value, "{setting}");
        }
    }

    #[tokio::test]
    async fn a_session_without_our_settings_is_not_used() {
        let db = harness::fresh_db().await;
        let bare = PgConnectOptions::from_str(&db.url).unwrap();

        let refused = open(&bare).await.unwrap_err();

        assert_eq!(SessionError::of(&refused), Some(&SessionError::SettingsLost));
    }

    #[tokio::test]
    async fn a_session_acts_as_the_schemas_owner_or_names_both_roles() {
        let db = harness::fresh_db().await;
        let tag = &database(&db).await[5..17];
        let (owner, other) = (format!("owner_{tag}"), format!("other_{tag}"));
        execute(&db, format!("create role {owner}; create role {other} login")).await;
        execute(&db, format!("grant connect on database \"{}\" to {other}", database(&db).await))
            .await;
        execute(&db, format!("alter schema tenantry owner to {owner}")).await;
        let options = with_settings(PgConnectOptions::from_str(&db.url).unwrap()).username(&other);

        let refused = open(&options).await.unwrap_err();
        execute(&db, format!("alter role {owner} superuser")).await;
        let by_a_superuser = open(&options).await.unwrap_err();
        execute(&db, format!("alter role {owner} nosuperuser; grant {owner} to {other}")).await;
        let mut conn = open(&options).await.unwrap();
        let now: (String, String) = sqlx::query_as("select current_user::text, session_user::text")
            .fetch_one(&mut conn)
            .await
            .unwrap();
        conn.close().await.unwrap();
        execute(&db, "alter schema tenantry owner to current_user".to_owned()).await;
        execute(&db, format!("drop owned by {other}; drop role {other}, {owner}")).await;

        let told = |refused, way_out| {
            let (user, owner) = (other.clone(), owner.clone());
            assert_eq!(
                SessionError::of(refused),
                Some(&SessionError::NotOwner { user, owner, way_out })
            );
        };
        told(&refused, WayOut::Grant);
        told(&by_a_superuser, WayOut::AnotherOwner);
        assert_eq!(now, (owner, other));
    }

    #[tokio::test]
    async fn a_schema_of_somebody_else_is_no_reason_to_act_for_its_owner() {
        let db = harness::empty_db().await;
        let name = database(&db).await;
        let user = format!("guest_{}", &name[5..17]);
        execute(&db, format!("create role {user} login; create schema tenantry")).await;
        let options = with_settings(PgConnectOptions::from_str(&db.url).unwrap()).username(&user);

        let refused = open(&options).await.unwrap_err();
        execute(&db, format!("drop role {user}")).await;

        let way_out = |error: &SessionError| match error {
            SessionError::NotOwner { way_out, .. } => Some(*way_out),
            SessionError::SettingsLost => None,
        };
        assert_eq!(SessionError::of(&refused).and_then(way_out), Some(WayOut::AnotherDatabase));
    }
}
