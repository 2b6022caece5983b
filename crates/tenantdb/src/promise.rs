//! What a set of migrations makes of an empty schema.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};

use domain::SchemaName;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use crate::Ident;
use crate::migrations::{self, MigrateError, MigrationSet};
use crate::path::TenantPath;
use crate::shape::{self, Shape};
use crate::survey::{self, Depth, Grant, Survey};

/// The shape that a set of migrations promises, to grant on and to hold schemas against.
///
/// It was learnt in a scratch schema whose name is long and random. Definitions name it, so it
/// is put in for the name of the schema to compare: exactly what the server would say of that.
#[derive(Debug, Clone)]
pub struct Promise {
    scratch: String,
    shape: Shape,
    /// Rights of others that the migrations give.
    grants: BTreeSet<String>,
    /// Rights of others that default privileges of the connected role give.
    defaults: BTreeSet<String>,
    depth: Depth,
    grantable: Grantable,
    locks: usize,
    lock_places: usize,
    survives_renaming: bool,
    path: TenantPath,
}

/// What a tenant's role is given rights on, as SQL names it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Grantable {
    pub(crate) tables: Vec<String>,
    pub(crate) sequences: Vec<String>,
    pub(crate) routines: Vec<String>,
}

impl Promise {
    /// Applies the set in a scratch schema, records what it makes and rolls it all back. Once per
    /// set and process. In a transaction of the caller it works in a savepoint.
    ///
    /// # Errors
    /// As [`migrations::apply()`]: a set that fails here would fail in every tenant.
    pub async fn learn(conn: &mut PgConnection, set: &MigrationSet) -> Result<Self, MigrateError> {
        let failed = |source| MigrateError::Database { source };
        let mut tx = conn.begin().await.map_err(failed)?;
        limit_time(&mut tx).await.map_err(failed)?;
        let scratch = scratch_name();
        let create = format!("create schema {}", Ident::from(&scratch));
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut *tx).await.map_err(failed)?;
        migrations::build(&mut tx, &scratch, set).await?;
        let survey = survey::read(&mut tx, &scratch, Depth::FULL, None).await.map_err(failed)?;
        let routines = routines(&mut tx, &scratch).await.map_err(failed)?;
        let (locks, lock_places) = locks(&mut tx).await.map_err(failed)?;
        let (defaults, grants) = granted(&mut tx, &survey).await.map_err(failed)?;
        let survives_renaming = survives_renaming(&mut tx, &scratch, &survey.shape, set).await;
        let survives_renaming = survives_renaming.map_err(failed)?;
        tx.rollback().await.map_err(failed)?;
        Ok(Self {
            depth: depth_of(&survey.shape),
            grantable: grantable(&survey, &scratch, routines),
            shape: survey.shape,
            grants,
            defaults,
            scratch: scratch.as_str().to_owned(),
            locks,
            lock_places,
            survives_renaming,
            path: set.path(),
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
        if self.tenants_at_once(1) < 2 {
            return Ok(Vec::new());
        }
        let failed = |source| MigrateError::Database { source };
        let mut tx = conn.begin().await.map_err(failed)?;
        limit_time(&mut tx).await.map_err(failed)?;
        let schemas = [scratch_name(), scratch_name()];
        for schema in &schemas {
            let create = format!("create schema {}", Ident::from(schema));
            sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut *tx).await.map_err(failed)?;
            migrations::build(&mut tx, schema, set).await?;
        }
        let second = survey::read(&mut tx, &schemas[1], Depth::FULL, None).await.map_err(failed)?;
        tx.rollback().await.map_err(failed)?;
        let found = without_name(&second.shape, schemas[1].as_str());
        Ok(shape::differences(&self.in_any_schema(), &found))
    }

    /// The shape in a form that is the same in every process: without the schema's name.
    #[must_use]
    pub fn in_any_schema(&self) -> Shape {
        without_name(&self.shape, &self.scratch)
    }

    /// How this promise differs from one in the form of [`Promise::in_any_schema`], in sentences
    /// without SQL.
    #[must_use]
    pub fn differences_from(&self, expected: &Shape) -> Vec<String> {
        shape::differences(expected, &self.in_any_schema())
    }

    /// The same promise with the shape that the set made when it was first learnt, given in the form of
    /// [`Promise::in_any_schema`].
    #[must_use]
    pub fn as_first_learnt(self, shape: &Shape) -> Self {
        let put = |text: &String| text.replace(NAMELESS, &self.scratch);
        let shape = shape.iter().map(|(o, definition)| (put(o), put(definition))).collect();
        Self { depth: depth_of(&shape), shape, ..self }
    }

    /// The shape promised to a schema, whose name the server spells as given.
    pub(crate) fn shape_in(&self, spelling: &str) -> Shape {
        let put = |text: &String| self.put(text, spelling);
        self.shape.iter().map(|(object, definition)| (put(object), put(definition))).collect()
    }

    /// Whether the migrations give this right in a schema, whose name the server spells as given.
    pub(crate) fn grants(&self, grant: &Grant, spelling: &str) -> bool {
        self.is_among(&self.grants, grant, spelling)
    }

    /// Whether the right comes from default privileges, which open every new schema.
    pub(crate) fn defaults_give(&self, grant: &Grant, spelling: &str) -> bool {
        self.is_among(&self.defaults, grant, spelling)
    }

    fn is_among(&self, sentences: &BTreeSet<String>, grant: &Grant, spelling: &str) -> bool {
        sentences.iter().any(|sentence| self.put(sentence, spelling) == grant.to_string())
    }

    /// How many tenants one transaction may make, at least one, where `transactions` of them run at
    /// once and leave half of the server's table of locks to others.
    #[must_use]
    pub fn tenants_at_once(&self, transactions: usize) -> usize {
        (self.lock_places / 2 / transactions.max(1) / self.locks.max(1)).max(1)
    }

    /// Whether a schema made by the set under one name is, renamed, what it would have been made
    /// under the other: whether tenants may be built in advance.
    #[must_use]
    pub fn survives_renaming(&self) -> bool {
        self.survives_renaming
    }

    /// The search path of tenants that have the set.
    #[must_use]
    pub fn path(&self) -> TenantPath {
        self.path
    }

    /// What to look for in a schema to hold it against the promise.
    pub(crate) fn depth(&self) -> Depth {
        self.depth
    }

    /// What the role of a schema is to have rights on.
    pub(crate) fn grantable_in(&self, schema: &Ident) -> Grantable {
        let put = |names: &Vec<String>| {
            names.iter().map(|name| self.put(name, &schema.to_string())).collect()
        };
        Grantable {
            tables: put(&self.grantable.tables),
            sequences: put(&self.grantable.sequences),
            routines: put(&self.grantable.routines),
        }
    }

    fn put(&self, text: &str, schema: &str) -> String {
        let text = text.replace(&format!("{}.", self.scratch), &format!("{schema}."));
        // by itself the name stands in a text constant: put there by `current_schema()`, or as the path
        // of a function
        if !text.contains(&self.scratch) {
            return text;
        }
        let path = |name: &str| format!("search_path={name}");
        // the server shows an array here: a quotation mark has a backslash before it
        let in_array = schema.replace('"', "\\\"");
        text.replace(&path(&self.scratch), &path(&in_array))
            .replace(&self.scratch, &unquoted(schema))
    }
}

/// The name that the server spells like this.
fn unquoted(spelling: &str) -> String {
    match spelling.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(name) => name.replace("\"\"", "\""),
        None => spelling.to_owned(),
    }
}

/// Bounds a rehearsal where the session has no limits of its own: a migration that takes a minute for an
/// empty schema is no migration for a tenant, and what it waits for may never be free.
async fn limit_time(conn: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query(
        "select set_config(name, case name when 'lock_timeout' then '10s' else '60s' end, true)
         from unnest(array['lock_timeout', 'statement_timeout']) as limits (name)
         where current_setting(name) = '0'",
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What stands for the schema's name in a shape that is no schema's.
const NAMELESS: &str = "{schema}";

/// Names what was learnt in `schema` as if it had been learnt in `{schema}`.
fn without_name(shape: &Shape, schema: &str) -> Shape {
    let put = |text: &String| text.replace(schema, NAMELESS);
    shape.iter().map(|(object, definition)| (put(object), put(definition))).collect()
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
    sqlx::raw_sql(AssertSqlSafe(rename)).execute(&mut *conn).await?;
    let renamed = survey::read(conn, &new, Depth::FULL, None).await?.shape;
    let expected: Shape = shape
        .iter()
        .map(|(object, definition)| {
            let put = |text: &str| text.replace(&format!("{old}."), &format!("{}.", new.as_str()));
            (put(object), put(definition))
        })
        .collect();
    let knows_old = |text: &String| text.contains(old);
    Ok(renamed == expected && !renamed.iter().any(|(o, d)| knows_old(o) || knows_old(d)))
}

/// The rarer kinds of object that are in a shape.
fn depth_of(shape: &Shape) -> Depth {
    let has = |kind: &str| shape.keys().any(|object| object.starts_with(kind));
    Depth {
        triggers: has("trigger "),
        policies: has("policy "),
        rules: has("rule "),
        functions: has("definition of function "),
        types: has("definition of type "),
    }
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
    let rows = sqlx::query(
        "select case x.grantee when 0 then 'PUBLIC' else x.grantee::regrole::text end, x.privilege_type,
             case a.defaclobjtype when 'S' then '{sequence}' when 'f' then '{function}' when 'T' then '{type}'
                 when 'n' then '{the schema}' else '{table,view,materialized,foreign}'::text[] end
         from pg_catalog.pg_default_acl a, pg_catalog.aclexplode(a.defaclacl) x
         where a.defaclrole = to_regrole(quote_ident(current_user))::oid and a.defaclnamespace = 0",
    )
    .fetch_all(conn)
    .await?;
    let by_default = rows
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)))
        .collect::<sqlx::Result<Vec<(String, String, Vec<String>)>>>()?;
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
    let rows = sqlx::query(
        "select d.objid::regprocedure::text
         from pg_catalog.pg_depend d
         where d.classid = 'pg_catalog.pg_proc'::regclass
             and d.refclassid = 'pg_catalog.pg_namespace'::regclass
             and d.refobjid = to_regnamespace(quote_ident($1))",
    )
    .bind(schema.as_str())
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// A name that nobody has: it also must not be found in any definition by chance.
pub(crate) fn scratch_name() -> SchemaName {
    let random = RandomState::new().hash_one(std::process::id());
    SchemaName::parse(&format!("tn_promise_{random:016x}"))
        .expect("a fixed prefix and hexadecimal digits are a schema's name")
}
