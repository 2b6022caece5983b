//! Rows of the control schema, planted by hand: its tables are spelled here alone.

use std::ops::RangeInclusive;

use sqlx::{AssertSqlSafe, PgConnection, Postgres, postgres::PgArguments, query::Query};

/// Words that stand for tables in the tests' SQL.
const TABLES: &[(&str, &str)] = &[
    ("TENANTS", "tenantry.tenants"),
    ("BATCHES", "tenantry.operations"),
    ("ITEMS", "tenantry.operation_items"),
    ("STAGES", "tenantry.checkpoints"),
    ("KEYS", "tenantry.api_keys"),
    ("EVENTS", "tenantry.outbox"),
    ("WORKERS", "tenantry.workers"),
];

/// `sql` with the tables put in for their words.
pub(crate) fn spelled(sql: &str) -> AssertSqlSafe<String> {
    let spell = |sql: String, (word, table): &(&str, &str)| sql.replace(word, table);
    AssertSqlSafe(TABLES.iter().fold(sql.to_owned(), spell))
}

pub(crate) fn operation_id(n: i64) -> String {
    format!("00000000-0000-0000-0000-{n:012}")
}

async fn execute(conn: &mut PgConnection, query: Query<'_, Postgres, PgArguments>) {
    query.execute(conn).await.unwrap();
}

/// Tenants `t_1`, … with the roles that go with them, in this state.
pub(crate) async fn tenants(conn: &mut PgConnection, ids: RangeInclusive<i64>, state: &str) {
    let sql = spelled(
        "insert into TENANTS (id, name, domain, schema_name, role_name, state, activated_at)
         select n, 'Tenant ' || n, n || '.example', 't_' || n, 'tn_' || i.id || '_' || n, $3,
                case when $3 = 'active' then now() end
         from generate_series($1, $2) as n, tenantry.installation i",
    );
    execute(conn, sqlx::query(sql).bind(ids.start()).bind(ids.end()).bind(state)).await;
    sequence(conn, "TENANTS").await;
}

/// An operation, which has begun unless it is queued.
pub(crate) async fn operation(
    conn: &mut PgConnection,
    n: i64,
    state: &str,
    mode: &str,
    total: i64,
) {
    let sql = spelled(
        "insert into BATCHES (id, state, mode, total, started_at, finished_at)
         values ($1::uuid, $2, $3, $4, case when $2 <> 'queued' then now() end,
                 case when $2 in ('completed', 'failed') then now() end)",
    );
    execute(conn, sqlx::query(sql).bind(operation_id(n)).bind(state).bind(mode).bind(total)).await;
}

/// Items of operation `n` from index `first` on, each with the tenant of the same id, if
/// there is one.
pub(crate) async fn items(
    conn: &mut PgConnection,
    n: i64,
    first: i64,
    ids: RangeInclusive<i64>,
    state: &str,
) {
    let sql = spelled(
        "insert into ITEMS (id, operation_id, idx, state, tenant_id, input, attempt,
                            started_at, finished_at, error_code)
         select n, $1::uuid, $2 + n - $3, $5, (select t.id from TENANTS t where t.id = n), '{}', 1,
                case when $5 in ('succeeded', 'running', 'built') then now() end,
                case when $5 in ('succeeded', 'failed') then now() end,
                case when $5 = 'failed' then 'migration_failed' end
         from generate_series($3, $4) as n",
    );
    let query = sqlx::query(sql).bind(operation_id(n)).bind(first);
    execute(conn, query.bind(ids.start()).bind(ids.end()).bind(state)).await;
    sequence(conn, "ITEMS").await;
}

/// The record of the one stage of each item.
pub(crate) async fn stages(conn: &mut PgConnection, items: RangeInclusive<i64>) {
    let sql = spelled(
        "insert into STAGES (item_id, stage, attempt, steps)
         select n, 'provision', 1, '[]' from generate_series($1, $2) as n",
    );
    execute(conn, sqlx::query(sql).bind(items.start()).bind(items.end())).await;
}

/// A live key of each tenant, from operation `n` or made by hand.
pub(crate) async fn keys(conn: &mut PgConnection, tenants: RangeInclusive<i64>, n: Option<i64>) {
    let sql = spelled(
        "insert into KEYS (tenant_id, operation_id, hash, prefix, last4, sealed, sealed_until)
         select n, $3::uuid, sha256(gen_random_uuid()::text::bytea), 'tk_', 'abcd', 'x',
                now() + interval '1 day'
         from generate_series($1, $2) as n order by n",
    );
    let query = sqlx::query(sql).bind(tenants.start()).bind(tenants.end());
    execute(conn, query.bind(n.map(operation_id))).await;
}

/// The announced end of a run of operation `n`, as it says of itself.
pub(crate) async fn finish(conn: &mut PgConnection, n: i64, run: i32) {
    let sql = spelled(
        "insert into EVENTS (kind, operation_id, run, payload)
         select 'operation.finished', b.id, $2, jsonb_build_object('operation_id', b.id, 'state', b.state,
             'progress', jsonb_build_object('total', b.total,
                 'succeeded', case b.state when 'completed' then b.total else 0 end))
         from BATCHES b where b.id = $1::uuid",
    );
    execute(conn, sqlx::query(sql).bind(operation_id(n)).bind(run)).await;
}

/// Ids given from now on are higher than all that a test plants.
async fn sequence(conn: &mut PgConnection, table: &str) {
    let sql = format!("select setval(pg_get_serial_sequence('{table}', 'id'), 200000)");
    execute(conn, sqlx::query(spelled(&sql))).await;
}

/// The own row of each tenant whose schema is there, as a worker writes it.
pub(crate) async fn own_rows(conn: &mut PgConnection) {
    let sql = "do $$ declare t record; begin
        for t in select id, schema_name from TENANTS
                 where to_regclass(format('%I.tenant', schema_name)) is not null loop
            execute format('insert into %I.tenant (id, name, domain, settings)
                select id, name, domain, settings from TENANTS where id = %s', t.schema_name, t.id);
        end loop; end $$";
    sqlx::raw_sql(spelled(sql)).execute(conn).await.unwrap();
}
