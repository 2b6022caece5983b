//! What names a customer stands apart in the audit log: it can be erased, and nothing else can be changed.

#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

use domain::{Role, TenantId};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use store::audit::{self, By, Entry, Filter};

const TENANT: TenantId = TenantId::new(7);
const OTHER: TenantId = TenantId::new(8);

async fn suspend(conn: &mut PgConnection, tenant: TenantId, reason: &str) {
    let personal = json!({ "after": { "reason": reason } });
    let by = By::process("operator:ci").did("tenant.suspended");
    audit::append(conn, Entry { tenant: Some(tenant), personal, ..by }).await.unwrap();
}

async fn count(pool: &PgPool, what: &'static str) -> i64 {
    sqlx::query_scalar(what).fetch_one(pool).await.unwrap()
}

/// The personal parts of the log's rows as readers see them, newest first.
async fn seen(conn: &mut PgConnection, tenant: TenantId) -> Vec<Option<Value>> {
    let filter = Filter { tenant: Some(tenant), ..Filter::default() };
    let rows = audit::list(conn, &filter, None, 100).await.unwrap();
    rows.into_iter().map(|row| row.personal).collect()
}

/// Rows whose digest is that of what their personal part says.
const SOUND: &str = "select count(*) from tenantry.audit_log
    where personal_digest = sha256(convert_to(personal::text, 'UTF8'))";

#[tokio::test]
async fn a_personal_part_has_a_salt_of_its_own_and_a_digest_and_a_row_without_one_has_neither() {
    let db = harness::fresh_db().await;
    let mut conn = db.pool.acquire().await.unwrap();

    suspend(&mut conn, TENANT, "unpaid").await;
    suspend(&mut conn, TENANT, "unpaid").await;
    audit::append(&mut conn, By::process("sweeper").did("x")).await.unwrap();
    let entry = By::process("sweeper").did("y");
    audit::append_for_tenants(&mut conn, entry, &[TENANT, OTHER]).await.unwrap();

    assert_eq!(count(&db.pool, SOUND).await, 2);
    let digests = "select count(distinct personal_digest) from tenantry.audit_log";
    assert_eq!(count(&db.pool, digests).await, 2, "two rows that say the same have other salts");
    let neither = "select count(*) from tenantry.audit_log
        where personal is null and personal_digest is null";
    assert_eq!(count(&db.pool, neither).await, 3);
    let shown = Some(json!({ "after": { "reason": "unpaid" } }));
    assert_eq!(seen(&mut conn, TENANT).await, [None, shown.clone(), shown]);
}

#[tokio::test]
async fn a_row_tells_the_role_and_for_whom() {
    let db = harness::fresh_db().await;
    let mut conn = db.pool.acquire().await.unwrap();
    let by = By {
        role: Some(Role::Admin),
        on_behalf_of: Some("bea"),
        request_id: Some("r"),
        address: Some("10.0.0.7"),
        ..By::process("operator:ci")
    };

    audit::append(&mut conn, by.did("x")).await.unwrap();
    audit::append_for_tenants(&mut conn, by.did("x"), &[TENANT]).await.unwrap();

    for row in audit::list(&mut conn, &Filter::default(), None, 2).await.unwrap() {
        let told = [row.role, row.on_behalf_of, row.request_id, row.address].map(Option::unwrap);
        assert_eq!(told, ["admin", "bea", "r", "10.0.0.7"]);
    }
}

#[tokio::test]
async fn a_personal_part_without_a_tenant_is_refused_as_nothing_could_erase_it() {
    let db = harness::fresh_db().await;
    let mut conn = db.pool.acquire().await.unwrap();
    let entry = || Entry { personal: json!({ "name": "Acme" }), ..By::process("a").did("x") };

    let of_none = audit::append(&mut conn, entry()).await.unwrap_err();
    let of_both = audit::append_for_tenants(&mut conn, entry(), &[TENANT, OTHER]).await;

    for refused in [of_none, of_both.unwrap_err()] {
        assert!(refused.to_string().contains("`x` has a personal part and no tenant"), "{refused}");
    }
    assert_eq!(count(&db.pool, "select count(*) from tenantry.audit_log").await, 0);
}

#[tokio::test]
async fn a_tenants_personal_parts_are_erased_with_it_and_their_digests_stay() {
    let db = harness::fresh_db().await;
    let mut conn = db.pool.acquire().await.unwrap();
    suspend(&mut conn, TENANT, "in the default partition").await;
    audit::make_months(&mut conn).await.unwrap();
    suspend(&mut conn, TENANT, "b").await;
    suspend(&mut conn, OTHER, "c").await;

    let deleting = "insert into tenantry.tenants (id, name, domain, schema_name, role_name, state)
        values (7, 'A', 'a.example.com', 's', 'r', 'deleting')";
    sqlx::query(deleting).execute(&db.pool).await.unwrap();

    let erased = store::tenants::erase(&mut conn, &[TENANT]).await.unwrap();

    assert_eq!(erased[0].audit, 2);
    assert_eq!(seen(&mut conn, TENANT).await, [None, None]);
    assert_eq!(seen(&mut conn, OTHER).await, [Some(json!({ "after": { "reason": "c" } }))]);
    let kept = "select count(*) from tenantry.audit_log
        where tenant_id = 7 and personal_digest is not null and action = 'tenant.suspended'";
    assert_eq!(count(&db.pool, kept).await, 2);
}

#[tokio::test]
async fn nothing_but_the_erasure_changes_a_row_of_any_partition() {
    let db = harness::fresh_db().await;
    let mut conn = db.pool.acquire().await.unwrap();
    suspend(&mut conn, TENANT, "a").await;
    audit::make_months(&mut conn).await.unwrap();
    suspend(&mut conn, TENANT, "b").await;
    let log: String =
        sqlx::query_scalar("select string_agg(l::text, ' ') from tenantry.audit_log l")
            .fetch_one(&mut *conn)
            .await
            .unwrap();
    let parts: Vec<String> = sqlx::query_scalar(
        "select 'tenantry.audit_log' union all
         select inhrelid::regclass::text from pg_inherits where inhparent = 'tenantry.audit_log'::regclass",
    )
    .fetch_all(&mut *conn)
    .await
    .unwrap();
    assert!(parts.len() > 3, "{parts:?}");

    for part in &parts {
        for act in [
            "update {} set detail = '{}'",
            "update {} set role = 'admin'",
            "update {} set personal = '{\"a\": 1}'",
            "update {} set personal = null, personal_digest = null",
            "delete from {}",
            "truncate {}",
        ] {
            let act = act.replacen("{}", part, 1);
            let done = sqlx::raw_sql(AssertSqlSafe(act.clone())).execute(&mut *conn).await;
            // A partition without rows has none that such an update could change.
            let changed = done.map_or(0, |done| done.rows_affected());
            assert_eq!(changed, 0, "{act}");
        }
    }
    let now: String =
        sqlx::query_scalar("select string_agg(l::text, ' ') from tenantry.audit_log l")
            .fetch_one(&mut *conn)
            .await
            .unwrap();
    assert_eq!(now, log);
}

#[tokio::test]
async fn an_exported_month_has_all_columns() {
    let db = harness::fresh_db().await;
    let mut conn = db.pool.acquire().await.unwrap();
    suspend(&mut conn, TENANT, "unpaid").await;

    let month = chrono::Utc::now().date_naive();
    let month = chrono::Datelike::with_day(&month, 1).unwrap();
    let (_, line) = audit::export(&mut conn, month, 0, 10).await.unwrap().remove(0);

    let line: Value = serde_json::from_str(&line).unwrap();
    let mut columns: Vec<String> = sqlx::query_scalar(
        "select attname::text from pg_attribute
         where attrelid = 'tenantry.audit_log'::regclass and attnum > 0 and not attisdropped",
    )
    .fetch_all(&mut *conn)
    .await
    .unwrap();
    let mut exported: Vec<&String> = line.as_object().unwrap().keys().collect();
    columns.sort_unstable();
    exported.sort_unstable();
    assert_eq!(exported, columns.iter().collect::<Vec<_>>());
    assert_eq!(line["personal"]["after"]["reason"], "unpaid");
    assert!(line["personal"]["salt"].is_string() && line["personal_digest"].is_string(), "{line}");
}

/// The version before the log had personal parts.
const BEFORE: i64 = 25;

#[tokio::test]
async fn the_upgrade_rewrites_no_row_and_the_way_back_keeps_all_of_them() {
    let db = harness::fresh_db().await;
    let files = "select string_agg(relname || ' ' || relfilenode, ', ' order by relname) from pg_class
        where relnamespace = 'tenantry'::regnamespace and relkind = 'r' and relname like 'audit_log%'";
    let files = async || sqlx::query_scalar::<_, String>(files).fetch_one(&db.pool).await.unwrap();
    store::MIGRATOR.undo(&db.pool, BEFORE).await.unwrap();
    sqlx::raw_sql(
        "select tenantry.make_audit_months();
         insert into tenantry.audit_log (actor, action) values ('a', 'x');
         insert into tenantry.audit_log (actor, action, at) values ('a', 'x', '2020-01-01')",
    )
    .execute(&db.pool)
    .await
    .unwrap();
    let before = files().await;

    store::migrate(&db.pool).await.unwrap();
    let up = files().await;
    suspend(&mut db.pool.acquire().await.unwrap(), TENANT, "unpaid").await;
    store::MIGRATOR.undo(&db.pool, BEFORE).await.unwrap();

    assert_eq!((&before, &files().await), (&up, &up));
    assert_eq!(count(&db.pool, "select count(*) from tenantry.audit_log").await, 3);
    let changed = sqlx::query("update tenantry.audit_log set actor = 'b'").execute(&db.pool).await;
    assert!(changed.unwrap_err().to_string().contains("append-only"));
}
