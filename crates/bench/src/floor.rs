//! The floor: the same DDL with no system around it.

use std::time::Instant;

use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};
use localpg::Cluster;
use sqlx::{AssertSqlSafe, PgPool, postgres::PgPoolOptions};

/// A database of its own, so that neither side sees the other's tables.
const DATABASE: &str = "floor";

/// One tenant, `{n}` its number: the DDL that the steps of the default plan issue, all of it and
/// nothing else. No look at what is there, no check, key, registry or checkpoint.
const TENANT: &str = "
    begin;
    create role floor_{n} login nosuperuser nocreatedb nocreaterole noreplication nobypassrls
        connection limit 20 in role floor_tenants;
    comment on role floor_{n} is 'floor:{n}';
    alter role floor_{n} set search_path = floor_{n}, pg_temp;
    create schema floor_{n};
    comment on schema floor_{n} is 'floor:{n}';
    set local search_path to floor_{n};
    create table floor_{n}.tenantry_migrations (version bigint primary key,
        description text not null, checksum bytea not null,
        applied_at timestamptz not null default now());
    {migrations}
    insert into floor_{n}.tenantry_migrations (version, description, checksum)
        values (1, 'tenant', '\\x00'), (2, 'person', '\\x01');
    grant usage on schema floor_{n} to floor_{n};
    alter default privileges in schema floor_{n}
        grant select, insert, update, delete on tables to floor_{n};
    alter default privileges in schema floor_{n} grant usage, select on sequences to floor_{n};
    alter default privileges in schema floor_{n} grant execute on functions to floor_{n};
    grant select, insert, update, delete on floor_{n}.tenant, floor_{n}.person to floor_{n};
    grant select on floor_{n}.tenantry_migrations to floor_{n};
    grant usage, select on sequence floor_{n}.person_id_seq to floor_{n};
    commit;";

const MIGRATIONS: [&str; 2] = [
    include_str!("../../../migrations/tenant/0001_tenant.up.sql"),
    include_str!("../../../migrations/tenant/0002_person.up.sql"),
];

/// Connections, and nothing else.
pub(crate) struct Floor {
    pool: PgPool,
    connections: usize,
}

impl Floor {
    pub(crate) async fn prepare(cluster: &Cluster, connections: usize) -> anyhow::Result<Self> {
        cluster.ensure_database(DATABASE)?;
        let pool = PgPoolOptions::new()
            .max_connections(u32::try_from(connections)?)
            .min_connections(u32::try_from(connections)?)
            .test_before_acquire(false)
            .connect(&cluster.url(DATABASE))
            .await?;
        sqlx::raw_sql("create role floor_tenants nologin").execute(&pool).await?;
        Ok(Self { pool, connections })
    }

    /// Makes `tenants` tenants and says how many a second.
    pub(crate) async fn make(&self, round: usize, tenants: usize) -> anyhow::Result<f64> {
        let migrations = MIGRATIONS.join("\n");
        let started = Instant::now();
        stream::iter(0..tenants)
            .map(|n| {
                let number = format!("{round}_{n}");
                let sql = TENANT.replace("{migrations}", &migrations).replace("{n}", &number);
                async move { sqlx::raw_sql(AssertSqlSafe(sql)).execute(&self.pool).await }
            })
            .buffer_unordered(self.connections)
            .try_for_each(|_| async { Ok(()) })
            .await
            .context("the floor's DDL failed")?;
        #[expect(clippy::cast_precision_loss, reason = "a count of tenants fits")]
        Ok(tenants as f64 / started.elapsed().as_secs_f64())
    }

    pub(crate) async fn close(self) {
        self.pool.close().await;
    }
}
