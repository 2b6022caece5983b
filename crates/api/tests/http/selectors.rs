//! A selector picks the tenants that it says, or is refused.

use serde_json::{Value, json};

use crate::{
    operations::fleet,
    support::{Answer, App},
};

async fn look(app: &App, selector: Value) -> Answer {
    let body = json!({ "kind": "suspend", "selector": selector, "dry_run": true });
    app.command("/operations", &body).await
}

/// The tenants that `selector` fits.
async fn selected(app: &App, selector: Value) -> Vec<i64> {
    let answer = look(app, selector).await;
    let sample = answer.body["sample"].as_array().unwrap_or_else(|| panic!("{answer:?}"));
    sample.iter().map(|it| it["tenant_id"].as_i64().unwrap()).collect()
}

fn refused(answer: &Answer) -> (u16, &str, &str) {
    let pointer = answer.body["errors"][0]["pointer"].as_str().unwrap_or("no pointer");
    (answer.status.as_u16(), answer.code(), pointer)
}

/// Tenants 1 to 4: without a migration, at the first, at the second, and at the second in another spelling.
async fn at_versions() -> App {
    let app = fleet(4).await;
    app.execute("delete from tenantry.migration_sets").await;
    app.execute(
        "insert into tenantry.migration_sets (hash, versions, descriptions, checksums)
         values ('5e7', '{0001,0002}', '{a,b}', '{c,d}'), ('5e8', '{1,1.5,2}', '{a,e,b}', '{c,f,d}')",
    )
    .await;
    app.execute(
        "insert into tenantry.tenant_migrations (tenant_id, set_hash, version)
         values (2, '5e7', '0001'), (3, '5e8', '2'), (4, '5e7', '2')",
    )
    .await;
    app
}

#[tokio::test]
async fn a_version_means_the_same_in_every_spelling() {
    let app = at_versions().await;

    for version in ["0002", "2", "02"] {
        assert_eq!(selected(&app, json!({ "version_below": version })).await, [1, 2], "{version}");
    }
    for version in ["1", "0001"] {
        assert_eq!(selected(&app, json!({ "version_below": version })).await, [1], "{version}");
    }
    // Of another set than theirs, so they lack it.
    assert_eq!(selected(&app, json!({ "version_below": "1.5" })).await, [1, 2, 4]);
}

#[tokio::test]
async fn a_version_that_no_set_has_selects_nobody() {
    let app = at_versions().await;

    for version in ["9999", "3", "v2", "1.50", "none"] {
        let answer = look(&app, json!({ "version_below": version })).await;

        let expected = (422, "unknown_version", "/selector/version_below");
        assert_eq!(refused(&answer), expected, "{answer:?}");
    }
}

#[tokio::test]
async fn the_version_to_go_back_to_is_recorded_as_the_set_spells_it() {
    let app = at_versions().await;
    let down = async |to: &str| {
        let params = json!({ "direction": "down", "set": "5e7", "to": to });
        let body = json!({ "kind": "migrate", "tenants": [2], "params": params });
        app.command("/operations", &body).await
    };

    for (to, recorded) in [("1", "0001"), ("0002", "0002"), ("none", "none"), ("00", "00")] {
        let made = down(to).await;
        assert_eq!(made.body["params"]["to"], recorded, "{made:?}");
    }
    assert_eq!(refused(&down("3").await), (422, "unknown_version", "/params/to"));
}

#[tokio::test]
async fn a_condition_that_says_nothing_is_refused() {
    let app = fleet(1).await;

    for (selector, pointer) in [
        (json!({ "name_prefix": "" }), "/selector/name_prefix"),
        (json!({ "name_prefix": " \t" }), "/selector/name_prefix"),
        (json!({ "feature": "" }), "/selector/feature"),
        (json!({ "version_below": "" }), "/selector/version_below"),
        // A caller's list that came out empty must not stand for everybody.
        (json!({ "status": ["active"], "external_ids": [] }), "/selector/external_ids"),
        (json!({ "name_prefix": "a", "status": [] }), "/selector/status"),
        (json!({ "external_ids": ["cus_1", ""] }), "/selector/external_ids/1"),
    ] {
        let answer = look(&app, selector).await;

        assert_eq!(refused(&answer), (422, "invalid_field", pointer), "{answer:?}");
    }
}

#[tokio::test]
async fn a_list_is_no_object() {
    let app = fleet(1).await;
    let of = |kind: &str, params: Value| json!({ "kind": kind, "tenants": [1], "params": params });

    let selector = look(&app, json!([true])).await;
    let migrate = app.command("/operations", &of("migrate", json!(["down", null, "none"]))).await;
    let suspend = app.command("/operations", &of("suspend", json!(["unpaid"]))).await;
    let resume = app.command("/operations", &of("resume", json!([]))).await;
    let one = app.post("/tenants/1/suspend", &json!(["unpaid"])).await;

    assert_eq!(refused(&selector), (422, "invalid_field", "/selector"));
    for answer in [migrate, suspend, resume] {
        assert_eq!(refused(&answer), (422, "invalid_field", "/params"), "{answer:?}");
    }
    assert_eq!(refused(&one), (422, "invalid_field", ""));
}

#[tokio::test]
async fn a_moment_that_no_calendar_has_is_refused() {
    let app = fleet(1).await;

    for moment in ["-9999-01-01T00:00:00Z", "+200000-01-01T00:00:00Z"] {
        let answer = look(&app, json!({ "created_before": moment })).await;

        assert_eq!(refused(&answer), (422, "invalid_field", "/selector/created_before"));
    }
    let far = app.post("/tenants/1/suspend", &json!({ "until": "+200000-01-01T00:00:00Z" })).await;
    assert_eq!(refused(&far), (422, "invalid_field", "/until"));
    let last = json!({ "created_before": "9999-12-31T23:59:59Z" });
    assert_eq!(selected(&app, last).await, [1]);
    let first = json!({ "created_before": "0001-01-01T00:00:00Z" });
    assert_eq!(selected(&app, first).await, [0; 0]);
}

#[tokio::test]
async fn a_name_is_found_by_its_beginning_whatever_the_databases_locale_makes_of_its_letters() {
    let app = fleet(3).await;
    app.execute("update tenantry.tenants set name = 'Ångström AB' where id = 2").await;
    let found = async |q: &str| app.get(&format!("/tenants?q={q}")).await.body["total"].clone();

    assert_eq!(selected(&app, json!({ "name_prefix": "Ång" })).await, [2]);
    assert_eq!(selected(&app, json!({ "name_prefix": "ÅNGSTR" })).await, [2]);
    assert_eq!(selected(&app, json!({ "name_prefix": "aCmE" })).await, [1, 3]);
    assert_eq!(found("%C3%85ng").await, 1);
    assert_eq!(found("aCmE").await, 3, "its domain begins so");
    assert_eq!(found("%C3%85ng&external_id=x").await, 0);
}
