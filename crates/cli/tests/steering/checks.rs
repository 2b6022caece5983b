//! `tenantry tenant check` and `tenantry findings`, of what is stored.

use serde_json::json;

use super::{System, tenants};

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_check_and_the_findings_are_shown_and_an_unhealthy_tenant_exits_1() {
    let system = System::start().await;
    system.run(&["submit", system.file(&tenants())]);
    system.execute("update tenantry.tenants set state = 'active', activated_at = now()").await;
    let never = system.run(&["tenant", "check", "--stored", "1"]);
    let none = system.run(&["findings"]);
    system
        .execute(
            r#"insert into tenantry.tenant_checks (tenant_id, next_due, checked_at, duration_ms, schema_valid,
                   db_accessible, overall_health, reasons)
               values (1, now(), '2026-11-26T10:00:00Z', 31, false, true, 'unhealthy',
                       '[{"code": "shape_differs", "message": "table person does not exist"}]'),
                      (2, now(), '2026-11-26T10:00:00Z', 30, true, true, 'healthy', '[]')"#,
        )
        .await;
    system
        .execute(
            "insert into tenantry.findings (kind, subject_type, subject_id, tenant_id, sentence, fixable, closed_at)
             values ('shape_differs', 'tenant', '1', 1, 'table person does not exist', false, null),
                    ('job_without_item', 'job', 'J', null, 'job J has no item', true, now())",
        )
        .await;

    let unwell = system.run(&["tenant", "check", "--stored", "1"]);
    let well = system.run(&["tenant", "check", "--stored", "2"]);
    let open = system.run(&["findings"]);
    let closed = system.json(&["findings", "--closed"]);
    let of_two = system.json(&["findings", "--tenant", "2"]);

    assert!(never.code == 1 && never.err.contains("tenantry tenant check TENANT"), "{}", never.err);
    assert!(none.code == 0 && none.err.contains("no findings"), "{}", none.err);
    assert_eq!(unwell.code, 1, "{}", unwell.out);
    assert!(unwell.out.contains("overall_health\tunhealthy"), "{}", unwell.out);
    let reason = "reason\ttable person does not exist (shape_differs)";
    assert!(unwell.out.contains(reason), "{}", unwell.out);
    assert!(well.code == 0 && well.out.contains("overall_health\thealthy"), "{}", well.out);
    assert!(open.out.contains("shape_differs\ttenant 1\ttable person"), "{}", open.out);
    assert!(!open.out.contains("job J"), "{}", open.out);
    assert_eq!(closed["findings"][0]["subject"], json!({ "type": "job", "id": "J" }));
    assert_eq!(of_two["findings"], json!([]));
}
