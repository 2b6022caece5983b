//! A database for tenants, and tenants in it.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use domain::{InstallationId, RoleName, SchemaName, TenantId};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, Postgres, Transaction};
use tenantdb::ledger::{self, AppliedMigration};
use tenantdb::migrations::{Reading, Segment, StatementLimits};
use tenantdb::verify;
use tenantdb::{
    Mark, MigrationSet, Promise, Subject, TenantPath, grants, migrations, role, schema,
};

/// Sessions a tenant may have in these tests.
pub(crate) const CONNECTIONS: i32 = 5;

pub(crate) struct Site {
    pub(crate) db: harness::Db,
    pub(crate) installation: InstallationId,
    version: i32,
}

/// All that one tenant is known by.
#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    pub(crate) schema: SchemaName,
    pub(crate) role: RoleName,
    pub(crate) mark: Mark,
}

pub(crate) async fn site() -> Site {
    Site::of(harness::fresh_db().await).await
}

/// As [`site`], on a server of its own.
pub(crate) async fn site_alone() -> Site {
    Site::of(harness::fresh_db_alone().await).await
}

impl Site {
    async fn of(db: harness::Db) -> Self {
        let id: String = sqlx::query_scalar("select id from tenantry.installation")
            .fetch_one(&db.pool)
            .await
            .unwrap();
        let version = sqlx::query_scalar("select current_setting('server_version_num')::int")
            .fetch_one(&db.pool)
            .await
            .unwrap();
        Self { db, installation: InstallationId::parse(&id).unwrap(), version }
    }

    pub(crate) fn tenant(&self, id: i64, schema: &str) -> Tenant {
        let tenant = TenantId::new(id);
        Tenant {
            schema: SchemaName::parse(schema).unwrap(),
            role: RoleName::of(&self.installation, tenant),
            mark: Mark { installation: self.installation.clone(), tenant },
        }
    }

    /// Makes a tenant whole, with the migrations of this repository, and commits it.
    pub(crate) async fn provisioned(&self, id: i64, schema: &str) -> Tenant {
        let tenant = self.tenant(id, schema);
        let mut tx = self.begin().await;
        tenant.provision(&mut tx, &MigrationSet::embedded()).await;
        tx.commit().await.unwrap();
        tenant
    }

    pub(crate) async fn begin(&self) -> Transaction<'static, Postgres> {
        self.db.pool.begin().await.unwrap()
    }

    /// Opens a session of its own, logged in as a role.
    pub(crate) async fn connect_as(&self, role: &str) -> sqlx::Result<PgConnection> {
        PgConnectOptions::from_str(&self.db.url).unwrap().username(role).connect().await
    }

    /// Takes back what the harness did to the database, so that the test can do it.
    pub(crate) async fn undo_bootstrap(&self) {
        let group = format!("tn_{}_tenants", self.installation);
        self.run(&format!(
            "drop owned by {group}; drop role {group};
             alter default privileges grant execute on functions to public;
             grant usage, create on schema public to public;
             do $$ begin execute format('grant connect, temporary on database %I to public',
                 current_database());
                 execute (select format('grant execute on function %s to public',
                     string_agg(oid::regprocedure::text, ', ')) from pg_proc
                     where pronamespace = 'pg_catalog'::regnamespace and (proname ~ 'advisory'
                         or proname ~ '^lo_' or proname in ('loread', 'lowrite')));
             end $$"
        ))
        .await;
    }

    /// The role that [`Site::hand_to_an_owner`] makes.
    pub(crate) fn owner(&self) -> String {
        format!("tn_{}_owner", self.installation)
    }

    /// Gives the database, with the control schema, to a role that is no superuser.
    pub(crate) async fn hand_to_an_owner(&self) {
        let owner = self.owner();
        self.run(&format!(
            "create role {owner} login createrole; alter schema tenantry owner to {owner};
             alter table tenantry.installation owner to {owner};
             alter table tenantry.leases owner to {owner};
             alter table tenantry.migration_sets owner to {owner};
             alter table tenantry.tenant_migrations owner to {owner};
             do $$ begin execute format('alter database %I owner to {owner}',
                 current_database()); end $$"
        ))
        .await;
    }

    /// Whether this server takes whoever makes a role into it.
    pub(crate) fn makers_are_members(&self) -> bool {
        self.version >= 160_000
    }

    pub(crate) async fn run(&self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&self.db.pool).await.unwrap();
    }
}

impl Tenant {
    pub(crate) async fn provision(&self, conn: &mut PgConnection, set: &MigrationSet) {
        let role = role::claim(conn, &self.role, &self.schema, CONNECTIONS, &self.mark, set.path());
        assert!(role.await.unwrap().is(&self.mark));
        assert!(schema::claim(conn, &self.schema, &self.mark).await.unwrap().is(&self.mark));
        self.apply(conn, set).await.unwrap();
        let promise = Promise::learn(conn, set).await.unwrap();
        grants::grant(conn, &self.schema, &self.role, &promise).await.unwrap();
    }

    /// The tenant alone, without a neighbour and an application's role.
    pub(crate) fn subject(&self) -> Subject<'_> {
        let (schema, role, mark) = (&self.schema, &self.role, self.mark.clone());
        let (neighbour, path, application_role) = (None, TenantPath::ALONE, None);
        Subject { schema, role, mark, neighbour, path, application_role }
    }

    pub(crate) async fn apply(
        &self,
        conn: &mut PgConnection,
        set: &MigrationSet,
    ) -> Result<migrations::Moved, migrations::MigrateError> {
        migrations::apply(conn, self.mark.tenant, &self.schema, set).await
    }

    pub(crate) async fn revert(
        &self,
        conn: &mut PgConnection,
        set: &MigrationSet,
        target: Option<&migrations::Target>,
    ) -> Result<migrations::Moved, migrations::MigrateError> {
        migrations::revert(conn, self.mark.tenant, &self.schema, set, target).await
    }

    /// Takes the tenant through segments, each committed before the next.
    pub(crate) async fn walk(
        &self,
        site: &Site,
        set: &MigrationSet,
        segments: &[Segment<'_>],
    ) -> Result<(), migrations::MigrateError> {
        let (tenant, schema) = (self.mark.tenant, &self.schema);
        for segment in segments {
            let mut tx = site.begin().await;
            if segment.is_in_transaction() {
                migrations::run_segment(&mut tx, tenant, schema, set, segment).await?;
            } else {
                let left = migrations::outstanding(&mut tx, tenant, schema, set, segment).await?;
                if !left.is_empty() {
                    self.run_alone(site, set, segment).await?;
                }
                migrations::record_segment(&mut tx, tenant, schema, set, segment).await?;
            }
            tx.commit().await.unwrap();
        }
        Ok(())
    }

    /// Runs the file of a segment outside any transaction, and writes no row.
    pub(crate) async fn run_alone(
        &self,
        site: &Site,
        set: &MigrationSet,
        segment: &Segment<'_>,
    ) -> Result<(), migrations::MigrateError> {
        let session = PgConnectOptions::from_str(&site.db.url).unwrap().connect().await.unwrap();
        let limits = StatementLimits {
            statement: Duration::from_secs(30),
            lock: Duration::from_millis(100),
        };
        migrations::run_no_transaction(session, &self.schema, set, segment, limits).await
    }

    /// Makes the tenant's schema, empty, and commits it.
    pub(crate) async fn with_schema(self, site: &Site) -> Self {
        let mut tx = site.begin().await;
        schema::claim(&mut tx, &self.schema, &self.mark).await.unwrap();
        tx.commit().await.unwrap();
        self
    }

    /// The versions that the ledger says are applied.
    pub(crate) async fn versions(&self, site: &Site) -> Vec<String> {
        let mut conn = site.db.pool.acquire().await.unwrap();
        let applied = self.applied(&mut conn).await;
        applied.into_iter().map(|file| file.version.as_str().to_owned()).collect()
    }

    /// What the ledger says is applied.
    pub(crate) async fn applied(&self, conn: &mut PgConnection) -> Vec<AppliedMigration> {
        let entry = ledger::read(conn, &[self.mark.tenant]).await.unwrap().pop().flatten();
        entry.map(|entry| entry.applied).unwrap_or_default()
    }

    /// What `verify` finds wrong, given the migrations of this repository.
    pub(crate) async fn faults(
        &self,
        conn: &mut PgConnection,
        neighbour: Option<&Tenant>,
    ) -> Vec<String> {
        let set = MigrationSet::embedded();
        let promise = Promise::learn(conn, &set).await.unwrap();
        let neighbour = neighbour.map(|n| &n.schema);
        let subject = Subject { neighbour, ..self.subject() };
        violations(verify::verify(conn, &subject, &promise).await)
    }
}

/// What was found.
pub(crate) fn violations(verified: Result<(), verify::VerifyError>) -> Vec<String> {
    match verified {
        Ok(()) => Vec::new(),
        Err(verify::VerifyError::Violated { violations }) => violations,
        Err(error) => panic!("{error:?}"),
    }
}

/// Loads migrations from texts, by way of a real folder.
pub(crate) fn set_of(files: &[(&str, &str)]) -> MigrationSet {
    let folder = tempfile::tempdir().unwrap();
    for (name, sql) in files {
        std::fs::write(folder.path().join(Path::new(name)), sql).unwrap();
    }
    let reading = Reading { may_be_empty: true, ..Reading::default() };
    MigrationSet::load_as(folder.path(), reading).unwrap()
}

/// The SQLSTATE of a refusal.
pub(crate) fn sqlstate<T: std::fmt::Debug>(result: sqlx::Result<T>) -> String {
    let error = result.unwrap_err();
    error.as_database_error().and_then(|e| e.code()).unwrap_or_default().into_owned()
}

pub(crate) async fn execute(conn: &mut PgConnection, sql: &str) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(conn).await.map(drop)
}

pub(crate) async fn count(conn: &mut PgConnection, sql: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(conn).await.unwrap()
}

/// A counter of this session for each catalogue that grows with the tenants: `numscans` (how
/// often it was read whole) or `tuples_inserted`, … It holds earlier transactions too, until the
/// server collects it: compare two readings.
pub(crate) async fn counters(conn: &mut PgConnection, counter: &str) -> BTreeMap<String, i64> {
    let query = format!(
        "select name, pg_stat_get_xact_{counter}(name::regclass) from unnest($1::text[]) n(name)"
    );
    let rows: Vec<(String, i64)> =
        sqlx::query_as(AssertSqlSafe(query)).bind(GROWING).fetch_all(conn).await.unwrap();
    rows.into_iter().collect()
}

/// Catalogues that grow with the tenants.
const GROWING: &[&str] = &[
    "pg_class",
    "pg_depend",
    "pg_shdepend",
    "pg_namespace",
    "pg_attribute",
    "pg_type",
    "pg_proc",
    "pg_constraint",
    "pg_index",
    "pg_description",
    "pg_shdescription",
    "pg_authid",
    "pg_auth_members",
    "pg_db_role_setting",
    "pg_default_acl",
    "pg_attrdef",
    "pg_sequence",
    "pg_trigger",
    "pg_init_privs",
    "pg_database",
];

/// The catalogues whose counter grew.
pub(crate) fn grown(before: &BTreeMap<String, i64>, after: &BTreeMap<String, i64>) -> Vec<String> {
    let was = |name| before.get(name).copied().unwrap_or(0);
    after.iter().filter(|(name, n)| **n > was(*name)).map(|(name, _)| name.clone()).collect()
}
