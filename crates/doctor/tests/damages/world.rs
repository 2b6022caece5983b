//! As many sound tenants as a test wants, each of one item of one operation that has ended well.

use std::{str::FromStr, time::Duration};

use doctor::{Depth, Report, Scope};
use domain::{InstallationId, RoleName, SchemaName, TenantId};
use harness::Db;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, postgres::PgConnectOptions};
use tenantdb::{Mark, MigrationSet, Promise, Subject, ledger, newcomers};

use super::plant;

/// Tenants made in one transaction.
const AT_ONCE: usize = 32;

pub(crate) struct World {
    pub(crate) db: Db,
    pub(crate) installation: InstallationId,
}

impl World {
    /// Tenants 1 to `tenants`, in schemas `t_1`, …; and `spares` from 100001 on.
    pub(crate) async fn of(tenants: i64, spares: i64) -> Self {
        let world = Self::empty().await;
        let mut conn = world.db.pool.acquire().await.unwrap();
        world.fill(&mut conn, tenants, spares).await;
        drop(conn);
        world
    }

    /// The same without spares, where all belongs to a role that is no superuser and made it; and its
    /// connections.
    pub(crate) async fn of_an_owner(tenants: i64) -> (Self, PgPool) {
        let world = Self::empty().await;
        world.plant(1, HAND_OVER).await;
        let mut conn = world.db.pool.acquire().await.unwrap();
        tenantdb::hand_over(&mut conn, &world.installation).await.unwrap();
        let owner = world.as_owner().await;
        let mut conn = owner.acquire().await.unwrap();
        tenantdb::bootstrap(&mut conn, &world.installation).await.unwrap();
        world.fill(&mut conn, tenants, 0).await;
        drop(conn);
        (world, owner)
    }

    async fn empty() -> Self {
        let db = harness::fresh_db().await;
        let mut conn = db.pool.acquire().await.unwrap();
        let installation = store::installation(&mut conn).await.unwrap();
        drop(conn);
        Self { db, installation }
    }

    /// Connections of the role that [`HAND_OVER`] makes.
    pub(crate) async fn as_owner(&self) -> PgPool {
        let owner = format!("tn_{}_owner", self.installation);
        let options = PgConnectOptions::from_str(&self.db.url).unwrap().username(&owner);
        PgPool::connect_with(options).await.unwrap()
    }

    async fn fill(&self, conn: &mut PgConnection, tenants: i64, spares: i64) {
        let set = MigrationSet::embedded();
        let promise = Promise::learn(conn, &set).await.unwrap();
        ledger::register(conn, &set).await.unwrap();
        let ids: Vec<i64> = (1..=tenants).collect();
        for some in ids.chunks(AT_ONCE) {
            let named = some.iter().map(|id| (*id, schema(*id))).collect::<Vec<_>>();
            self.build(conn, &named, &set, &promise).await;
        }
        let ids: Vec<TenantId> = (1..=spares).map(|n| TenantId::new(100_000 + n)).collect();
        let named: Vec<_> = ids.iter().map(|id| (id.get(), SchemaName::of_spare(*id))).collect();
        if !ids.is_empty() {
            self.build(conn, &named, &set, &promise).await;
            sqlx::query("delete from tenantry.tenant_migrations where tenant_id = any($1)")
                .bind(named.iter().map(|(id, _)| *id).collect::<Vec<_>>())
                .execute(&mut *conn)
                .await
                .unwrap();
            let prints = newcomers::fingerprints(conn, &self.installation, ids.iter().copied())
                .await
                .unwrap();
            store::spares::record(conn, &ids, &prints, set.hash(), set.head()).await.unwrap();
        }
        Self::register(conn, tenants).await;
    }

    async fn build(
        &self,
        conn: &mut PgConnection,
        named: &[(i64, SchemaName)],
        set: &MigrationSet,
        promise: &Promise,
    ) {
        let roles: Vec<RoleName> = named.iter().map(|(id, _)| self.role(*id)).collect();
        let newcomers: Vec<Subject<'_>> = named
            .iter()
            .zip(&roles)
            .map(|((id, schema), role)| {
                let (installation, tenant) = (self.installation.clone(), TenantId::new(*id));
                let mark = Mark { installation, tenant };
                let path = tenantdb::TenantPath::ALONE;
                Subject { schema, role, mark, neighbour: None, path, application_role: None }
            })
            .collect();
        newcomers::create_roles(conn, &newcomers, 5).await.unwrap();
        newcomers::create_schemas(conn, &newcomers).await.unwrap();
        newcomers::migrate(conn, &newcomers, set).await.unwrap();
        newcomers::grant(conn, &newcomers, promise).await.unwrap();
    }

    async fn register(conn: &mut PgConnection, tenants: i64) {
        let all = 1..=tenants;
        plant::tenants(conn, all.clone(), "active").await;
        plant::operation(conn, 1, "completed", "independent", tenants).await;
        plant::items(conn, 1, 0, all.clone(), "succeeded").await;
        plant::stages(conn, all.clone()).await;
        plant::keys(conn, all, Some(1)).await;
        plant::finish(conn, 1, 1).await;
        plant::own_rows(conn).await;
    }

    pub(crate) fn role(&self, tenant: i64) -> RoleName {
        RoleName::of(&self.installation, TenantId::new(tenant))
    }

    /// Runs `sql` with the names of tenant `id` put in for SCHEMA, ROLE and ID; US is the installation,
    /// RIVAL the role of tenant 1.
    pub(crate) async fn plant(&self, id: i64, sql: &str) {
        let planted = self.plant_as(&self.db.pool, id, sql).await;
        planted.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// What [`World::plant`] does, by way of `pool`.
    pub(crate) async fn plant_as(&self, pool: &PgPool, id: i64, sql: &str) -> sqlx::Result<()> {
        let text = plant::spelled(sql)
            .0
            .replace("SCHEMA", schema(id).as_str())
            .replace("RIVAL", self.role(1).as_str())
            .replace("ROLE", self.role(id).as_str())
            .replace("ID", &id.to_string())
            .replace("US", self.installation.as_str());
        sqlx::raw_sql(AssertSqlSafe(text)).execute(pool).await.map(drop)
    }

    pub(crate) async fn examine(&self) -> Report {
        doctor::examine(&self.db.pool, &scope()).await.unwrap()
    }
}

/// Gives all there is to a role that is no superuser.
pub(crate) const HAND_OVER: &str = "
    create role tn_US_owner login createrole;
    do $$ declare o text; begin
        execute format('alter database %I owner to tn_US_owner', current_database());
        foreach o in array array(
            select format('alter schema %I owner to tn_US_owner', nspname) from pg_namespace
            where nspname ~ '^(tenantry|apalis|t_[0-9]+)$'
            union all
            select format('alter table %s owner to tn_US_owner', c.oid::regclass)
            from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where n.nspname ~ '^(tenantry|apalis|t_[0-9]+)$' and c.relkind in ('r', 'p', 'v')
            union all
            select format('alter default privileges for role tn_US_owner in schema %I grant %s to %I',
                t.schema_name, g.what, t.role_name)
            from TENANTS t, unnest(array['select, insert, update, delete on tables',
                'usage, select on sequences', 'execute on functions']) g (what))
        loop
            execute o;
        end loop;
    end $$";

pub(crate) fn scope() -> Scope {
    let mut scope = Scope::new(MigrationSet::embedded());
    scope.depth = Depth::All;
    scope.grace = Duration::ZERO;
    scope.connection_limit = 5;
    scope
}

fn schema(tenant: i64) -> SchemaName {
    SchemaName::parse(&format!("t_{tenant}")).unwrap()
}
