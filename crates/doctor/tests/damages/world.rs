//! As many sound tenants as a test wants, each of one item of one batch that has ended well.

use std::time::Duration;

use doctor::{Depth, Report, Scope};
use domain::{InstallationId, RoleName, SchemaName, TenantId};
use harness::Db;
use sqlx::{AssertSqlSafe, PgConnection};
use tenantdb::{
    Mark, MigrationSet, Promise, adoption,
    newcomers::{self, Newcomer},
};

/// Tenants made in one transaction.
const AT_ONCE: usize = 32;

pub(crate) struct World {
    pub(crate) db: Db,
    pub(crate) installation: InstallationId,
}

impl World {
    /// Tenants 1 to `tenants`, in schemas `t_1`, …; and `spares` from 100001 on.
    pub(crate) async fn of(tenants: i64, spares: i64) -> Self {
        let db = harness::fresh_db().await;
        let mut conn = db.pool.acquire().await.unwrap();
        let installation = store::installation(&mut conn).await.unwrap();
        let world = Self { db, installation };
        let set = MigrationSet::embedded();
        let promise = Promise::learn(&mut conn, &set).await.unwrap();
        let ids: Vec<i64> = (1..=tenants).collect();
        for some in ids.chunks(AT_ONCE) {
            let named = some.iter().map(|id| (*id, schema(*id))).collect::<Vec<_>>();
            world.build(&mut conn, &named, &set, &promise).await;
        }
        let ids: Vec<TenantId> = (1..=spares).map(|n| TenantId::new(100_000 + n)).collect();
        let named: Vec<_> = ids.iter().map(|id| (id.get(), SchemaName::of_spare(*id))).collect();
        if !ids.is_empty() {
            world.build(&mut conn, &named, &set, &promise).await;
            let prints = adoption::fingerprints(&mut conn, ids.iter().copied()).await.unwrap();
            store::spares::record(&mut conn, &ids, &prints, "stamp", set.head()).await.unwrap();
        }
        world.register(&mut conn, tenants, set.head().unwrap().as_str()).await;
        world
    }

    async fn build(
        &self,
        conn: &mut PgConnection,
        named: &[(i64, SchemaName)],
        set: &MigrationSet,
        promise: &Promise,
    ) {
        let roles: Vec<RoleName> = named.iter().map(|(id, _)| self.role(*id)).collect();
        let newcomers: Vec<Newcomer<'_>> = named
            .iter()
            .zip(&roles)
            .map(|((id, schema), role)| {
                let (installation, tenant) = (self.installation.clone(), TenantId::new(*id));
                Newcomer { schema, role, mark: Mark { installation, tenant } }
            })
            .collect();
        newcomers::create_roles(conn, &newcomers, 5).await.unwrap();
        newcomers::create_schemas(conn, &newcomers).await.unwrap();
        newcomers::migrate(conn, &newcomers, set).await.unwrap();
        newcomers::grant(conn, &newcomers, promise).await.unwrap();
    }

    async fn register(&self, conn: &mut PgConnection, tenants: i64, head: &str) {
        let text = format!(
            "insert into tenantry.tenants (id, name, domain, schema_name, role_name, state, activated_at,
                                           migration_version)
             select n, 'Tenant ' || n, n || '.example', 't_' || n, 'tn_{0}_' || n, 'active', now(), '{head}'
             from generate_series(1, {tenants}) n;
             insert into tenantry.batches (id, state, mode, total, started_at, finished_at)
             values ('{BATCH}', 'completed', 'independent', {tenants}, now(), now());
             insert into tenantry.batch_items (id, batch_id, idx, state, tenant_id, request, attempt,
                                               started_at, finished_at)
             select n, '{BATCH}', n - 1, 'succeeded', n, '{{}}', 1, now(), now()
             from generate_series(1, {tenants}) n;
             insert into tenantry.checkpoints (item_id, stage, attempt, steps)
             select n, 'provision', 1, '[]' from generate_series(1, {tenants}) n;
             insert into tenantry.api_keys (id, tenant_id, batch_id, hash, prefix, last4, sealed, sealed_until)
             overriding system value
             select n, n, '{BATCH}', sha256(n::text::bytea), 'tk_', 'abcd', 'x', now() + interval '1 day'
             from generate_series(1, {tenants}) n;
             insert into tenantry.outbox (kind, batch_id, run, payload)
             values ('batch.finished', '{BATCH}', 1, jsonb_build_object('batch_id', '{BATCH}',
                 'state', 'completed', 'progress', jsonb_build_object('total', {tenants},
                 'succeeded', {tenants})));
             select setval(pg_get_serial_sequence('tenantry.tenants', 'id'), 200000),
                    setval(pg_get_serial_sequence('tenantry.batch_items', 'id'), {tenants}),
                    setval(pg_get_serial_sequence('tenantry.api_keys', 'id'), {tenants})",
            self.installation
        );
        sqlx::raw_sql(AssertSqlSafe(text)).execute(conn).await.unwrap();
    }

    pub(crate) fn role(&self, tenant: i64) -> RoleName {
        RoleName::of(&self.installation, TenantId::new(tenant))
    }

    /// Runs `sql` with the names of tenant `id` put in for SCHEMA, ROLE and ID; US is the installation,
    /// RIVAL the role of tenant 1.
    pub(crate) async fn plant(&self, id: i64, sql: &str) {
        let text = sql
            .replace("SCHEMA", schema(id).as_str())
            .replace("RIVAL", self.role(1).as_str())
            .replace("ROLE", self.role(id).as_str())
            .replace("ID", &id.to_string())
            .replace("US", self.installation.as_str());
        let planted = sqlx::raw_sql(AssertSqlSafe(text)).execute(&self.db.pool).await;
        planted.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    pub(crate) async fn examine(&self) -> Report {
        doctor::examine(&self.db.pool, &scope()).await.unwrap()
    }
}

/// The batch of all tenants.
pub(crate) const BATCH: &str = "00000000-0000-0000-0000-000000000001";

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
