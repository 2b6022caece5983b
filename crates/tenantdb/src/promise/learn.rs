//! Learns what a set makes, in schemas that are gone afterwards.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::SchemaName;
use sqlx::{Connection as _, PgConnection};

use super::{Grantable, Promise, depth_of};
use crate::ident::{Ident, run};
use crate::migrations::{self, MigrateError, Migration, MigrationSet};
use crate::own_row;
use crate::scratch::{self, Scope, Scratch, scratch_name};
use crate::shape::{self, Shape};
use crate::survey::{self, Grant, Survey};

impl Promise {
    /// Applies the set in a scratch schema, records what it makes and rolls it all back. Once per
    /// set and process. In a transaction of the caller it works in a savepoint. A set that cannot run in
    /// one transaction is applied segment by segment in a schema that is dropped afterwards.
    ///
    /// # Errors
    /// As [`migrations::apply()`]: a set that fails here would fail in every tenant.
    pub async fn learn(conn: &mut PgConnection, set: &MigrationSet) -> Result<Self, MigrateError> {
        match Self::in_one_transaction(conn, set).await {
            Err(error) if error.needs_boundary() => Self::by_segments(conn, set).await,
            learnt => learnt,
        }
    }

    async fn in_one_transaction(
        conn: &mut PgConnection,
        set: &MigrationSet,
    ) -> Result<Self, MigrateError> {
        let mut tx = conn.begin().await?;
        scratch::limit_time(&mut tx, Scope::Transaction).await?;
        let scratch = build(&mut tx, set).await?;
        let promise = Self::read(&mut tx, &scratch, set).await?;
        let (locks, lock_places) = locks(&mut tx).await?;
        let survives_renaming = survives_renaming(&mut tx, &scratch, &promise.shape, set).await?;
        tx.rollback().await?;
        Ok(Self { locks, lock_places, survives_renaming, one_transaction: true, ..promise })
    }

    async fn by_segments(
        conn: &mut PgConnection,
        set: &MigrationSet,
    ) -> Result<Self, MigrateError> {
        let set = migrations::cut(conn, set).await?;
        let scratch = Scratch::create(conn).await?;
        let promise = Self::of_segments(conn, &scratch.name, &set).await;
        let dropped = scratch.drop(conn).await;
        let promise = promise?;
        dropped?;
        Ok(promise)
    }

    async fn of_segments(
        conn: &mut PgConnection,
        scratch: &SchemaName,
        set: &MigrationSet,
    ) -> Result<Self, MigrateError> {
        migrations::build_segments(conn, scratch, set).await?;
        let mut tx = conn.begin().await?;
        let promise = Self::read(&mut tx, scratch, set).await?;
        tx.rollback().await?;
        Ok(promise)
    }

    /// What is in a schema that the set was applied to; as of a set that several transactions apply.
    async fn read(
        conn: &mut PgConnection,
        scratch: &SchemaName,
        set: &MigrationSet,
    ) -> sqlx::Result<Self> {
        let survey = survey::read(conn, scratch).await?;
        let routines = routines(conn, scratch).await?;
        let (defaults, grants) = granted(conn, &survey).await?;
        let own_row = own_row::fits(conn, scratch).await?;
        Ok(Self {
            depth: depth_of(&survey.shape),
            grantable: grantable(&survey, scratch, routines),
            shape: survey.shape,
            grants,
            defaults,
            scratch: scratch.as_str().to_owned(),
            locks: usize::MAX,
            lock_places: 0,
            survives_renaming: false,
            one_transaction: false,
            own_row,
            path: set.path(),
            kept_by: Arc::default(),
        })
    }

    /// Applies the set a second time, where a first schema has the same objects already: what is
    /// different there. Empty for a set that makes the same for every tenant; also when the server's
    /// table of locks has no room for two.
    ///
    /// # Errors
    /// As [`Promise::learn`].
    pub async fn repeats(
        &self,
        conn: &mut PgConnection,
        set: &MigrationSet,
    ) -> Result<Vec<String>, MigrateError> {
        let second = if !self.one_transaction {
            Self::second_by_segments(conn, set).await?
        } else if self.tenants_at_once(1) < 2 {
            return Ok(Vec::new());
        } else {
            let mut tx = conn.begin().await?;
            scratch::limit_time(&mut tx, Scope::Transaction).await?;
            build(&mut tx, set).await?;
            let second = build(&mut tx, set).await?;
            let second = Self::read(&mut tx, &second, set).await?;
            tx.rollback().await?;
            second
        };
        Ok(shape::differences(&self.in_any_schema(), &second.in_any_schema()))
    }

    /// What the set makes where another schema has all of it.
    async fn second_by_segments(
        conn: &mut PgConnection,
        set: &MigrationSet,
    ) -> Result<Self, MigrateError> {
        let set = migrations::cut(conn, set).await?;
        let first = Scratch::create(conn).await?;
        let second = match migrations::build_segments(conn, &first.name, &set).await {
            Ok(()) => Self::by_segments(conn, &set).await,
            Err(error) => Err(error),
        };
        let dropped = first.drop(conn).await;
        let second = second?;
        dropped?;
        Ok(second)
    }
}

/// Makes a schema with all of the set, in the caller's transaction.
async fn build(conn: &mut PgConnection, set: &MigrationSet) -> Result<SchemaName, MigrateError> {
    let scratch = scratch::create(conn).await?;
    let files: Vec<&Migration> = set.iter().collect();
    migrations::build(conn, &scratch, set, &files, false).await?;
    Ok(scratch)
}

/// Locks that this transaction holds, and how many all transactions of the server may hold together.
async fn locks(conn: &mut PgConnection) -> sqlx::Result<(usize, usize)> {
    let (held, places): (i64, i64) = sqlx::query_as(
        "select (select count(*) from pg_catalog.pg_locks where pid = pg_backend_pid()),
                current_setting('max_locks_per_transaction')::bigint
                    * (current_setting('max_connections')::bigint
                       + current_setting('max_prepared_transactions')::bigint)",
    )
    .fetch_one(conn)
    .await?;
    let size = |number| usize::try_from(number).unwrap_or_default();
    Ok((size(held), size(places)))
}

/// Renames the schema and looks whether anything in it still knows the old name; or whether its
/// migrations ask for their schema's name, and may have kept it where nobody can see.
async fn survives_renaming(
    conn: &mut PgConnection,
    scratch: &SchemaName,
    shape: &Shape,
    set: &MigrationSet,
) -> sqlx::Result<bool> {
    const ASKS: [&str; 3] = ["current_schema", "search_path", "tg_table_schema"];
    let asks = |text: &str| ASKS.iter().any(|word| text.to_ascii_lowercase().contains(word));
    if set.iter().any(|migration| asks(migration.sql())) {
        return Ok(false);
    }
    let (old, new) = (scratch.as_str(), scratch_name());
    let rename = format!("alter schema {} rename to {}", Ident::from(scratch), Ident::from(&new));
    run(conn, rename).await?;
    let renamed = survey::read(conn, &new).await?.shape;
    let put = |text: &str| text.replace(&format!("{old}."), &format!("{new}."));
    let expected = shape::with_names(shape, put);
    let knows_old = |text: &String| text.contains(old);
    Ok(renamed == expected && !renamed.iter().any(|(o, d)| knows_old(o) || knows_old(d)))
}

fn grantable(survey: &Survey, scratch: &SchemaName, routines: Vec<String>) -> Grantable {
    let named = |kinds: &[&str]| {
        let relations = survey.relations.iter().filter(|r| kinds.contains(&&*r.kind));
        relations.map(|r| format!("{}.{}", scratch.as_str(), Ident::quote(&r.name))).collect()
    };
    Grantable { tables: named(&["r", "p", "v", "m", "f"]), sequences: named(&["S"]), routines }
}

/// The rights that others than the tenant have in a new schema: those that come from default privileges
/// of the connected role, which no migration asked for, and those that the migrations give.
async fn granted(
    conn: &mut PgConnection,
    survey: &Survey,
) -> sqlx::Result<(BTreeSet<String>, BTreeSet<String>)> {
    let by_default: Vec<(String, String, Vec<String>)> = sqlx::query_as(
        "select case x.grantee when 0 then 'PUBLIC' else x.grantee::regrole::text end, x.privilege_type,
             case a.defaclobjtype when 'S' then '{sequence}' when 'f' then '{function}' when 'T' then '{type}'
                 when 'n' then '{the schema}' else '{table,view,materialized,foreign}'::text[] end
         from pg_catalog.pg_default_acl a, pg_catalog.aclexplode(a.defaclacl) x
         where a.defaclrole = to_regrole(quote_ident(current_user))::oid and a.defaclnamespace = 0",
    )
    .fetch_all(conn)
    .await?;
    let comes_by_default = |grant: &&Grant| {
        by_default.iter().any(|(grantee, right, kinds)| {
            grant.grantee == *grantee
                && grant.right == *right
                && kinds.iter().any(|kind| grant.object.starts_with(kind))
        })
    };
    let (defaults, given): (Vec<&Grant>, Vec<&Grant>) =
        survey.grants.iter().partition(comes_by_default);
    let sentences = |grants: Vec<&Grant>| grants.into_iter().map(Grant::to_string).collect();
    Ok((sentences(defaults), sentences(given)))
}

/// Functions and procedures with the types of their arguments, each name with its schema.
async fn routines(conn: &mut PgConnection, schema: &SchemaName) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "select d.objid::regprocedure::text
         from pg_catalog.pg_depend d
         where d.classid = 'pg_catalog.pg_proc'::regclass
             and d.refclassid = 'pg_catalog.pg_namespace'::regclass
             and d.refobjid = to_regnamespace(quote_ident($1))",
    )
    .bind(schema.as_str())
    .fetch_all(conn)
    .await
}
