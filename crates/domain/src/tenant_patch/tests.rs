use serde_json::{Value, json};

use super::*;

fn policy() -> SettingsPolicy {
    SettingsPolicy {
        available_features: ["crm", "api"].map(str::to_owned).into(),
        default_features: vec!["crm".to_owned()],
        default_limits: [("users".to_owned(), 10)].into(),
        max_limits: [("users".to_owned(), 100), ("files".to_owned(), 5)].into(),
        ..SettingsPolicy::default()
    }
}

fn parse(patch: &Value) -> Result<TenantPatch, FieldErrors> {
    TenantPatch::parse(&patch.to_string(), &policy())
}

fn refused(patch: Value) -> Vec<(String, &'static str)> {
    let errors = parse(&patch).unwrap_err();
    errors.told().iter().map(|e| (e.pointer.clone(), e.code)).collect()
}

fn raw(value: &Value) -> Box<RawValue> {
    RawValue::from_string(value.to_string()).unwrap()
}

fn now() -> Changeable {
    let settings = json!({ "features": ["api"], "limits": { "users": 50, "old": 7 },
        "metadata": { "plan": { "tier": 1, "since": 2020 } } });
    Changeable {
        name: "Acme".to_owned(),
        domain: "acme.example".to_owned(),
        external_id: Some("cus_7".to_owned()),
        description: Some("a customer".to_owned()),
        settings: raw(&settings),
        labels: Labels::resolve(Some(&raw(&json!({ "tier": "gold", "eu": "1" })))).unwrap(),
    }
}

fn applied(patch: &Value) -> Changeable {
    let parsed = parse(patch).unwrap();
    let update = parsed.record(&raw(patch), &policy());
    let recorded = serde_json::to_string(&update).unwrap();
    let update: Update = serde_json::from_str(&recorded).unwrap();
    assert_eq!(TenantPatch::recorded(&update), Ok(parsed.clone()));
    parsed.applied(now(), &update.defaults.unwrap_or_default()).unwrap()
}

fn settings(patch: &Value) -> Value {
    serde_json::from_str(applied(&json!({ "settings": patch })).settings.get()).unwrap()
}

#[test]
fn changes_what_it_names_and_leaves_the_rest() {
    let changed =
        applied(&json!({ "tenant_name": " New ", "domain": "NEW.example.", "external_id": "b" }));

    assert_eq!((changed.name.as_str(), changed.domain.as_str()), ("New", "new.example"));
    assert_eq!(changed.external_id.as_deref(), Some("b"));
    assert_eq!(changed.description, now().description);
    assert_eq!((changed.settings.get(), &changed.labels), (now().settings.get(), &now().labels));
}

#[test]
fn null_removes_and_settings_get_their_defaults_back() {
    let changed = applied(&json!({ "external_id": null, "description": null,
        "labels": { "eu": null, "new": "x" } }));

    assert_eq!((changed.external_id, changed.description), (None, None));
    assert_eq!(changed.labels.pairs().collect::<Vec<_>>(), [("new", "x"), ("tier", "gold")]);
    assert_eq!(applied(&json!({ "labels": null })).labels, Labels::default());
    assert_eq!(
        settings(&json!({ "features": null, "limits": { "users": null },
            "metadata": { "plan": { "since": null, "seats": 3 } } })),
        json!({ "features": ["crm"], "limits": { "users": 10, "old": 7 },
            "metadata": { "plan": { "tier": 1, "seats": 3 } } })
    );
    assert_eq!(
        settings(&Value::Null),
        json!({ "features": ["crm"], "limits": { "users": 10 }, "metadata": {} })
    );
}

#[test]
fn each_mistake_has_its_code_and_place() {
    for (patch, pointer, code) in [
        (json!({}), "", "missing_field"),
        (json!([]), "", "invalid_field"),
        (json!({ "tenant_name": null }), "/tenant_name", "invalid_field"),
        (json!({ "tenant_name": " " }), "/tenant_name", "invalid_tenant_name"),
        (json!({ "domain": null }), "/domain", "invalid_field"),
        (json!({ "domain": "a" }), "/domain", "invalid_domain"),
        (json!({ "external_id": "" }), "/external_id", "invalid_external_id"),
        (json!({ "description": 1 }), "/description", "invalid_field"),
        (json!({ "schema_name": "a" }), "/schema_name", "unknown_field"),
        (json!({ "settings": { "features": ["no"] } }), "/settings/features/0", "unknown_feature"),
        (
            json!({ "settings": { "limits": { "users": 101 } } }),
            "/settings/limits/users",
            "limit_too_high",
        ),
        (json!({ "settings": { "colour": null } }), "/settings/colour", "unknown_field"),
        (json!({ "settings": { "metadata": 7 } }), "/settings/metadata", "invalid_settings"),
        (json!({ "settings": [] }), "/settings", "invalid_settings"),
        (json!({ "settings": { "metadata": { "a\0": null } } }), "", "invalid_field"),
        (json!({ "labels": { "A": "x" } }), "/labels/A", "invalid_label"),
        (json!({ "labels": [] }), "/labels", "invalid_field"),
    ] {
        assert_eq!(refused(patch.clone()), [(pointer.to_owned(), code)], "{patch}");
    }
    let twice = r#"{ "settings": { "metadata": { "a": null, "a": null } } }"#;
    let errors = TenantPatch::parse(twice, &policy()).unwrap_err();
    assert_eq!(errors.told()[0].code, "repeated_field");
}

#[test]
fn what_a_tenant_would_have_too_much_of_is_refused_when_it_is_applied() {
    let large = json!({ "settings": { "metadata": { "more": "x".repeat(65_000) } } });
    let mut now = now();
    now.settings = raw(&json!({ "metadata": { "much": "x".repeat(1_000) } }));

    let errors = parse(&large).unwrap().applied(now, &SettingsDefaults::default()).unwrap_err();

    assert_eq!(errors.told()[0].pointer, "/settings/metadata");
}

#[test]
fn says_which_fields_it_names_and_which_are_of_one_tenant() {
    let patch = parse(&json!({ "labels": { "a": "b" }, "description": null })).unwrap();
    let of_one = parse(&json!({ "labels": { "a": "b" }, "external_id": null })).unwrap();

    assert_eq!((patch.fields(), patch.field_of_one()), (vec!["description", "labels"], None));
    assert_eq!(of_one.field_of_one(), Some("external_id"));
}
