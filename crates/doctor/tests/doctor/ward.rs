//! A system in good health, with something of everything that waits, works or has ended by right.

use std::{collections::BTreeMap, time::Duration};

use doctor::{Depth, Fixed, Kind, Scope, Subject};
use domain::{InstallationId, ItemId, RoleName, SchemaName, TenantId};
use harness::Db;
use sqlx::PgConnection;
use tenantdb::newcomers;
use tenantdb::{Mark, MigrationSet, Promise, migrations};

use super::plant;

/// The tenant that was built in advance.
pub(crate) const SPARE: i64 = 950;

/// Five tenants of operation 1 (items 1 to 5), and the rest of the world.
pub(crate) struct Ward {
    pub(crate) db: Db,
    pub(crate) installation: InstallationId,
}

/// What is not as it is planted: who works on item 9, what waits for its time, what is paused.
const WORLD: &str = "
    insert into WORKERS (id, host, pid, version) values ('alive', 'here', 1, 'test');
    update ITEMS set worker_id = 'alive' where id = 9;
    update ITEMS set next_attempt_at = now() + interval '1 hour' where id = 11;
    update BATCHES set paused_at = now() where id::text ~ '4$';
    update BATCHES set run_at = now() + interval '1 hour' where id::text ~ '5$';

    create schema stranger;
    create table stranger.precious as select n, md5(n::text) as word from generate_series(1, 50) as n;
    comment on schema stranger is 'somebody''s words';
    create schema neighbours;
    create table neighbours.t as select 1 as x;
    comment on schema neighbours is 'tenantry:deadbeef:1';
    do $$ declare us text := (select id from tenantry.installation); begin
        execute format('create role tn_%s_999', us);
        execute format('comment on role tn_%s_999 is %L', us, 'somebody else made me');
    end $$;";

/// All there is, each thing under a name. What the tests do not name must stay as it is.
const EVERYTHING: &str = "
    with us as (select id from tenantry.installation)
    select 'schema ' || n.nspname as thing,
           jsonb_build_array(d.description, (
               select jsonb_agg(c.oid::text || c.relname || coalesce(c.relacl::text, '') order by c.oid)
               from pg_class c where c.relnamespace = n.oid))::text as content
    from pg_namespace n left join pg_description d on d.objoid = n.oid and d.objsubid = 0
    where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    union all
    select 'role ' || replace(r.rolname, us.id, 'us'), d.description
    from pg_roles r join us on starts_with(r.rolname, 'tn_' || us.id)
    left join pg_shdescription d on d.objoid = r.oid
    union all select 'rows of stranger', (select string_agg(p::text, '' order by n) from stranger.precious p)
    union all select 'tenant ' || id, t::text from TENANTS t
    union all select 'migrations of ' || tenant_id, m::text from tenantry.tenant_migrations m
    union all select 'spare ' || id, s::text from tenantry.spares s
    union all select 'item ' || id, i::text from ITEMS i
    union all select 'operation ' || ltrim(id::text, '0-'), b::text from BATCHES b
    union all select 'key ' || id, k::text from KEYS k
    union all select 'stage of ' || item_id, c::text from STAGES c
    union all select 'event ' || id, o::text from EVENTS o
    union all select 'jobs of ' || coalesce(convert_from(job, 'utf8')::jsonb ->> 'item', '?'),
           string_agg(status || id, ' ' order by id) from apalis.jobs group by 1";

/// Operation 1 is done, 2 has failed, 3 runs, 4 is paused, 5 is for later, 6 is all or nothing.
async fn fill(conn: &mut PgConnection) {
    plant::tenants(conn, 1..=5, "active").await;
    plant::tenants(conn, 7..=7, "released").await;
    plant::tenants(conn, 8..=13, "pending").await;
    for (n, state, mode, items) in [
        (1, "completed", "independent", &[(1..=5, "succeeded")][..]),
        (2, "failed", "independent", &[(6..=7, "failed")]),
        (3, "running", "independent", &[(8..=8, "queued"), (9..=9, "running")]),
        (4, "queued", "independent", &[(10..=10, "queued")]),
        (5, "queued", "independent", &[(11..=11, "queued")]),
        (6, "running", "atomic", &[(12..=12, "built"), (13..=13, "queued")]),
    ] {
        let first = *items[0].0.start();
        let last = *items[items.len() - 1].0.end();
        plant::operation(conn, n, state, mode, last - first + 1).await;
        for (ids, state) in items {
            plant::items(conn, n, ids.start() - first, ids.clone(), state).await;
        }
    }
    plant::stages(conn, 1..=5).await;
    plant::stages(conn, 12..=12).await;
    plant::finish(conn, 1, 1).await;
    plant::finish(conn, 2, 1).await;
    sqlx::raw_sql(plant::spelled(WORLD)).execute(conn).await.unwrap();
}

impl Ward {
    /// Nothing is wrong here.
    pub(crate) async fn healthy() -> Self {
        let db = harness::fresh_db().await;
        let mut conn = db.pool.acquire().await.unwrap();
        let installation = store::installation(&mut conn).await.unwrap();
        fill(&mut conn).await;
        let ward = Self { db, installation };
        let promise = Promise::learn(&mut conn, &MigrationSet::embedded()).await.unwrap();
        for id in [1, 2, 3, 4, 5, 12] {
            ward.build(&mut conn, id, &promise).await;
            plant::keys(&mut conn, id..=id, Some(1)).await;
        }
        plant::own_rows(&mut conn).await;
        ward.build_spare(&mut conn, SPARE, &promise).await;
        ward.give_job(8).await;
        ward.give_job(9).await;
        ward.give_job(13).await;
        ward
    }

    /// Makes schema and role of a tenant, as provisioning does.
    async fn build(&self, conn: &mut PgConnection, id: i64, promise: &Promise) {
        let (schema, role, mark) = (schema(id), self.role(id), self.mark(id));
        let set = MigrationSet::embedded();
        tenantdb::role::claim(conn, &role, &schema, 5, &mark, tenantdb::TenantPath::ALONE)
            .await
            .unwrap();
        tenantdb::schema::claim(conn, &schema, &mark).await.unwrap();
        migrations::apply(conn, mark.tenant, &schema, &set).await.unwrap();
        tenantdb::grants::grant(conn, &schema, &role, promise).await.unwrap();
    }

    /// Builds a tenant in advance, as a worker's keeper does.
    async fn build_spare(&self, conn: &mut PgConnection, id: i64, promise: &Promise) {
        let (schema, role) = (SchemaName::of_spare(TenantId::new(id)), self.role(id));
        let (set, mark) = (MigrationSet::embedded(), self.mark(id));
        tenantdb::role::claim(conn, &role, &schema, 5, &mark, tenantdb::TenantPath::ALONE)
            .await
            .unwrap();
        tenantdb::schema::claim(conn, &schema, &mark).await.unwrap();
        let spare = tenantdb::Subject {
            schema: &schema,
            role: &role,
            mark,
            neighbour: None,
            path: tenantdb::TenantPath::ALONE,
            application_role: None,
        };
        newcomers::migrate_spares(conn, &[spare], &set).await.unwrap();
        tenantdb::grants::grant(conn, &schema, &role, promise).await.unwrap();
        let id = TenantId::new(id);
        let prints = newcomers::fingerprints(conn, &self.installation, [id]).await.unwrap();
        store::spares::record(conn, &[id], &prints, set.hash(), set.head()).await.unwrap();
    }

    /// Makes an empty schema and a role with the marks of tenant `id`.
    pub(crate) async fn leave_behind(&self, id: i64) {
        let mut conn = self.db.pool.acquire().await.unwrap();
        let (schema, role, mark) = (schema(id), self.role(id), self.mark(id));
        tenantdb::role::claim(&mut conn, &role, &schema, 5, &mark, tenantdb::TenantPath::ALONE)
            .await
            .unwrap();
        tenantdb::schema::claim(&mut conn, &schema, &mark).await.unwrap();
    }

    /// A key of an operation, or one made by hand.
    pub(crate) async fn issue_key(&self, tenant: i64, operation: Option<i64>) {
        let mut conn = self.db.pool.acquire().await.unwrap();
        plant::keys(&mut conn, tenant..=tenant, operation).await;
    }

    /// A pending tenant that no item makes.
    pub(crate) async fn reserve(&self, id: i64) {
        let mut conn = self.db.pool.acquire().await.unwrap();
        plant::tenants(&mut conn, id..=id, "pending").await;
    }

    pub(crate) async fn record_stage(&self, item: i64) {
        let mut conn = self.db.pool.acquire().await.unwrap();
        plant::stages(&mut conn, item..=item).await;
    }

    /// Announces the end of a run of the operation.
    pub(crate) async fn announce(&self, operation: i64, run: i32) {
        let mut conn = self.db.pool.acquire().await.unwrap();
        plant::finish(&mut conn, operation, run).await;
    }

    /// A live job for the item; its id.
    pub(crate) async fn give_job(&self, item: i64) -> String {
        let mut conn = self.db.pool.acquire().await.unwrap();
        queue::wake(&mut conn, &[(ItemId::new(item), domain::Kind::Provision)], Duration::ZERO)
            .await
            .unwrap();
        // Due: the queue's clock has whole seconds.
        sqlx::query("update apalis.jobs set run_at = now() - interval '1 second'")
            .execute(&mut *conn)
            .await
            .unwrap();
        sqlx::query_scalar(
            "select id from apalis.jobs where convert_from(job, 'UTF8')::jsonb ->> 'item' = $1::text",
        )
        .bind(item.to_string())
        .fetch_one(&mut *conn)
        .await
        .unwrap()
    }

    /// Runs `sql`, with the tables put in for their words.
    pub(crate) async fn run(&self, sql: &str) {
        sqlx::raw_sql(plant::spelled(sql)).execute(&self.db.pool).await.unwrap();
    }

    /// Writes into the registry's row of a tenant.
    pub(crate) async fn write(&self, id: i64, change: &str) {
        self.run(&format!("update TENANTS set {change} where id = {id}")).await;
    }

    pub(crate) fn mark(&self, tenant: i64) -> Mark {
        Mark { installation: self.installation.clone(), tenant: TenantId::new(tenant) }
    }

    pub(crate) fn role(&self, tenant: i64) -> RoleName {
        RoleName::of(&self.installation, TenantId::new(tenant))
    }

    /// Everything wrong at this moment, all tenants in depth and without grace.
    pub(crate) async fn found(&self) -> Vec<(Kind, Subject)> {
        let report = doctor::examine(&self.db.pool, &scope()).await.unwrap();
        let counted: u64 = report.found.values().sum();
        assert_eq!(counted, report.findings.len() as u64, "{:?}", report.findings);
        report.findings.into_iter().map(|f| (f.kind, f.subject)).collect()
    }

    pub(crate) async fn fix(&self, kind: Kind) -> Fixed {
        doctor::fix(&self.db.pool, kind, &scope(), "cli:doctor").await.unwrap()
    }

    /// Asserts that exactly `kind` is found of `subject`, that its repair mends just that and
    /// changes none but the named things, writes one audit row, and does nothing when run again.
    pub(crate) async fn heals(&self, kind: Kind, subject: Subject, changed: &[&str]) {
        assert_eq!(self.found().await, [(kind, subject.clone())]);
        let before = self.everything().await;

        let fixed = self.fix(kind).await;

        assert_eq!((fixed.done, fixed.refused), (vec![subject], vec![]));
        assert_eq!(self.found().await, []);
        assert_eq!(differences(&before, &self.everything().await), changed);
        let (settled, again) = (self.everything().await, self.fix(kind).await);
        assert_eq!((again.done, again.refused), (vec![], vec![]));
        assert_eq!(differences(&settled, &self.everything().await), [""; 0]);
        assert_eq!(self.audited().await, 1);
    }

    /// Asserts that exactly `kind` is found of `subject`, and that nothing repairs it.
    pub(crate) async fn only_reports(&self, kind: Kind, subject: Subject) {
        assert_eq!(self.found().await, [(kind, subject)]);
        if kind.is_fixable() {
            let fixed = self.fix(kind).await;
            assert_eq!((fixed.done, fixed.refused.len()), (vec![], 1));
            return;
        }
        let refused = doctor::fix(&self.db.pool, kind, &scope(), "cli:doctor").await;
        assert!(matches!(refused, Err(doctor::FixError::NotFixable(_))), "{refused:?}");
    }

    pub(crate) async fn everything(&self) -> BTreeMap<String, Option<String>> {
        let rows: Vec<(String, Option<String>)> =
            sqlx::query_as(plant::spelled(EVERYTHING)).fetch_all(&self.db.pool).await.unwrap();
        rows.into_iter().collect()
    }

    async fn audited(&self) -> i64 {
        let rows = "select count(*) from tenantry.audit_log
            where actor = 'cli:doctor' and detail ? 'doctor'";
        sqlx::query_scalar(rows).fetch_one(&self.db.pool).await.unwrap()
    }
}

pub(crate) fn scope() -> Scope {
    let mut scope = Scope::new(MigrationSet::embedded());
    scope.depth = Depth::All;
    scope.grace = Duration::ZERO;
    scope
}

/// The names of what is not the same in both.
pub(crate) fn differences(
    before: &BTreeMap<String, Option<String>>,
    after: &BTreeMap<String, Option<String>>,
) -> Vec<String> {
    let mut names: Vec<_> = before.keys().chain(after.keys()).cloned().collect();
    names.sort();
    names.dedup();
    names.retain(|name| before.get(name) != after.get(name));
    names
}

pub(crate) fn schema(tenant: i64) -> SchemaName {
    SchemaName::parse(&format!("t_{tenant}")).unwrap()
}

pub(crate) fn tenant(id: i64) -> Subject {
    Subject::Tenant(TenantId::new(id))
}

pub(crate) fn item(id: i64) -> Subject {
    Subject::Item(ItemId::new(id))
}

pub(crate) fn operation(n: i64) -> Subject {
    Subject::Operation(plant::operation_id(n).parse().unwrap())
}
