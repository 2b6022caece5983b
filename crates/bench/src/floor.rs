//! The floor: the same DDL with no system around it.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};
use sqlx::{AssertSqlSafe, PgPool, postgres::PgPoolOptions};

use crate::stand::Stand;

/// One tenant, `{n}` its number: the DDL that the steps of the default plan issue, all of it, and a table of
/// versions in the schema. No look at what is there, no check, key, registry or checkpoint. The group is
/// joined last, as it is locked until the COMMIT from PostgreSQL 16 on.
const TENANT: &str = "
    begin;
    create role floor_{n} login nosuperuser nocreatedb nocreaterole noreplication nobypassrls
        connection limit 20;
    comment on role floor_{n} is 'floor:{n}';
    alter role floor_{n} set search_path = floor_{n}, pg_temp;
    create schema floor_{n};
    comment on schema floor_{n} is 'floor:{n}';
    set local search_path to floor_{n};
    {version_table}
    {migrations}
    {versions}
    grant usage on schema floor_{n} to floor_{n};
    alter default privileges in schema floor_{n}
        grant select, insert, update, delete on tables to floor_{n};
    alter default privileges in schema floor_{n} grant usage, select on sequences to floor_{n};
    alter default privileges in schema floor_{n} grant execute on functions to floor_{n};
    grant select, insert, update, delete on {tables} to floor_{n};
    {right_on_versions}
    grant usage, select on sequence {sequences} to floor_{n};
    grant floor_tenants to floor_{n};
    commit;";

/// What tools keep in each schema, where Tenantry has a row in its ledger.
const VERSION_TABLE: &str = "
    create table floor_{n}.tenantry_migrations (version bigint primary key,
        description varchar(200) not null, checksum varchar(96) not null,
        applied_at timestamptz not null default now());";
const VERSIONS: &str =
    "insert into floor_{n}.tenantry_migrations (version, description, checksum) values";
const RIGHT_ON_VERSIONS: &str = "grant select on floor_{n}.tenantry_migrations to floor_{n};";

/// As long as one is.
const CHECKSUM: &str = "0123456789abcdef0123456789abcdef0123456789abcdef\
    0123456789abcdef0123456789abcdef0123456789abcdef";

#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) migrations: Vec<String>,
    pub(crate) tables: Vec<String>,
    pub(crate) sequences: Vec<String>,
}

impl Shape {
    pub(crate) fn of_this_repository() -> Self {
        let migrations = [
            include_str!("../../../migrations/tenant/0001_tenant.up.sql"),
            include_str!("../../../migrations/tenant/0002_person.up.sql"),
        ];
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            migrations: owned(&migrations),
            tables: owned(&["tenant", "person"]),
            sequences: owned(&["person_id_seq"]),
        }
    }

    pub(crate) fn of_tables(count: usize) -> Self {
        let tables: Vec<String> = (0..count).map(|n| format!("t{n}")).collect();
        let table = |name: &String| {
            format!(
                "create table {name} (id bigint generated always as identity primary key,
                     name text not null, detail jsonb not null default '{{}}',
                     created_at timestamptz not null default now());\n"
            )
        };
        Self {
            migrations: vec![tables.iter().map(table).collect()],
            sequences: tables.iter().map(|name| format!("{name}_id_seq")).collect(),
            tables,
        }
    }

    /// The text that makes a tenant of this shape, `{n}` its number, with a version table or without.
    fn tenant(&self, table: VersionTable) -> String {
        let within = |names: &[String]| {
            let names: Vec<_> = names.iter().map(|name| format!("floor_{{n}}.{name}")).collect();
            names.join(", ")
        };
        let versions: Vec<_> = (1..=self.migrations.len())
            .map(|n| format!("({n}, 'migration', '{CHECKSUM}')"))
            .collect();
        let kept = |text: String| if table == VersionTable::Kept { text } else { String::new() };
        TENANT
            .replace("{version_table}", &kept(VERSION_TABLE.to_owned()))
            .replace("{migrations}", &self.migrations.join("\n"))
            .replace("{versions}", &kept(format!("{VERSIONS} {};", versions.join(", "))))
            .replace("{right_on_versions}", &kept(RIGHT_ON_VERSIONS.to_owned()))
            .replace("{tables}", &within(&self.tables))
            .replace("{sequences}", &within(&self.sequences))
    }
}

/// Whether each tenant's schema has a table of versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VersionTable {
    Kept,
    Left,
}

pub(crate) struct Floor {
    pool: PgPool,
    connections: usize,
    shape: Shape,
    /// Part of every name: roles are the whole cluster's.
    database: String,
    rounds: AtomicUsize,
}

impl Floor {
    /// In a database of its own, so that neither side sees the other's tables.
    pub(crate) async fn prepare(
        stand: &Stand,
        database: &str,
        connections: usize,
        shape: Shape,
    ) -> anyhow::Result<Self> {
        let pool = PgPoolOptions::new()
            .max_connections(u32::try_from(connections)?)
            .min_connections(u32::try_from(connections)?)
            .test_before_acquire(false)
            .connect(&stand.database(database)?)
            .await?;
        sqlx::raw_sql(
            "do $$ begin
                 if to_regrole('floor_tenants') is null then create role floor_tenants nologin; end if;
             end $$",
        )
        .execute(&pool)
        .await?;
        Ok(Self {
            pool,
            connections,
            shape,
            database: database.to_owned(),
            rounds: AtomicUsize::new(0),
        })
    }

    /// Makes `tenants` tenants and says how long it took.
    pub(crate) async fn make(
        &self,
        table: VersionTable,
        tenants: usize,
    ) -> anyhow::Result<Duration> {
        let texts = self.texts(table, tenants);
        self.run(texts).await
    }

    /// Runs each text as one message, over all connections, and says how long it took.
    pub(crate) async fn run(&self, texts: Vec<String>) -> anyhow::Result<Duration> {
        let started = Instant::now();
        stream::iter(texts)
            .map(|sql| sqlx::raw_sql(AssertSqlSafe(sql)).execute(&self.pool))
            .buffer_unordered(self.connections)
            .try_for_each(|_| async { Ok(()) })
            .await
            .context("the floor's DDL failed")?;
        Ok(started.elapsed())
    }

    pub(crate) fn texts(&self, table: VersionTable, tenants: usize) -> Vec<String> {
        let tenant = self.shape.tenant(table);
        let round = self.rounds.fetch_add(1, Ordering::Relaxed);
        let name = |n| format!("{}_{round}_{n}", self.database);
        (0..tenants).map(|n| tenant.replace("{n}", &name(n))).collect()
    }

    /// The texts that drop what [`Self::make`] made last.
    pub(crate) fn drops(&self, tenants: usize) -> Vec<String> {
        let round = self.rounds.load(Ordering::Relaxed) - 1;
        let name = |n| format!("floor_{}_{round}_{n}", self.database);
        let text = |it| format!("begin; drop schema {it} cascade; drop role {it}; commit");
        (0..tenants).map(name).map(text).collect()
    }

    pub(crate) async fn close(self) {
        self.pool.close().await;
    }
}
