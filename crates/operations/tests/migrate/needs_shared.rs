//! Shared migrations that were taken back after a migration was admitted.

use super::*;

const NEEDS: Files = &[FIRST[0], ("0002_plan.sql", "-- needs shared: 7\ncreate table plan ();")];

const IN_STAGES: Files = &[
    NEEDS[0],
    NEEDS[1],
    ("0003_index.sql", "-- no-transaction\ncreate index concurrently ticket_id on ticket (id);"),
];

const APPLIED: &str = "
    insert into tenantry.migration_sets (hash, versions, descriptions, checksums)
    values ('shared', '{6,07}', '{a,b}', '{a,b}');
    insert into tenantry.shared_migrations (schema_name, set_hash, version)
    values ('public', 'shared', '07')";

const GONE: &str = "update tenantry.shared_migrations set version = '6'";

async fn run(pool: &PgPool, sql: &'static str) {
    sqlx::raw_sql(sql).execute(pool).await.unwrap();
}

#[tokio::test]
async fn each_tenant_is_refused_and_stays_as_it_was() {
    for files in [NEEDS, IN_STAGES] {
        let db = harness::fresh_db().await;
        register(&db.pool, WORKER).await;
        let (_, first, promise) = learnt(&db.pool, FIRST).await;
        for name in ["anne", "bert"] {
            make(&db.pool, name, first.clone(), promise.clone()).await;
        }
        run(&db.pool, APPLIED).await;
        let (_folder, set, promise) = learnt(&db.pool, files).await;
        let up = (Direction::Up, None);
        let (operation, executor) = submit_migration(&db.pool, &set, Some(promise), up).await;
        run(&db.pool, GONE).await;

        carry_out(&executor, operation, 2, &CancellationToken::new()).await.unwrap();

        assert_eq!(ask(&db.pool, ITEMS).await, ["failed needs_shared"; 2]);
        assert_eq!(ask(&db.pool, VERSIONS).await, ["0001"; 2]);
    }
}

#[tokio::test]
async fn a_new_tenant_is_refused_and_leaves_nothing() {
    for files in [NEEDS, IN_STAGES] {
        let db = harness::fresh_db().await;
        register(&db.pool, WORKER).await;
        run(&db.pool, APPLIED).await;
        let (_folder, set, promise) = learnt(&db.pool, files).await;
        run(&db.pool, GONE).await;

        let (tenant, state) = make(&db.pool, "anne", set, promise).await;

        let code = "select error_code from tenantry.operation_items";
        assert_eq!(
            (state.as_str(), ask(&db.pool, code).await),
            ("failed", vec!["needs_shared".into()])
        );
        assert_eq!(remains(&db.pool, tenant).await, (false, false, false));
    }
}
