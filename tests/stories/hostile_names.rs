//! Names that other systems choke on are tenants here, or failures that say why.

use serde_json::{Value, json};

use super::support::{System, orphans, schemas, tenant};

/// A good tenant with one field as the case wants it.
fn with(number: usize, field: &str, value: &str) -> Value {
    let mut item = tenant(number);
    item[field] = json!(value);
    item
}

fn refused() -> Vec<(&'static str, String, &'static str)> {
    let long = "a".repeat(63);
    let schemas = ["public", "PG_temp", "pg_catalog", "Information_Schema", "tenantry", "APALIS"];
    let schemas = schemas.map(|name| ("schema_name", name.to_owned(), "reserved_schema_name"));
    let mut cases = Vec::from(schemas);
    let quoted = [
        "a\"b",
        "a'b",
        "x; drop schema public cascade; --",
        "a b",
        "1a",
        "",
        "ä",
        "a\u{0}b",
        "a\nb",
        "a\\b",
        "a.b",
        "\u{212a}elvin",
        "%I",
    ];
    cases.extend(quoted.map(|name| ("schema_name", name.to_owned(), "invalid_schema_name")));
    // PostgreSQL would cut both to the same 63 bytes.
    for name in [format!("{long}x"), format!("{long}y"), "é".repeat(32)] {
        cases.push(("schema_name", name, "invalid_schema_name"));
    }
    let label = "a".repeat(64);
    let domains = [
        "exam\nple.com",
        "a-.com",
        "-a.com",
        "localhost",
        "192.168.0.1",
        "[::1]",
        "a..b",
        "",
        "a b.example",
        "a_b.example",
        "*.example",
        "ex\u{0}ample.com",
        "http://a.example",
    ];
    cases.extend(domains.map(|name| ("domain", name.to_owned(), "invalid_domain")));
    cases.push(("domain", format!("{label}.example"), "invalid_domain"));
    cases.push(("domain", format!("{}example", "abcdefg.".repeat(32)), "invalid_domain"));
    let names = ["", "  ", "a\u{0}b", "tab\there", "line\nend", "\u{85}"];
    cases.extend(names.map(|name| ("tenant_name", name.to_owned(), "invalid_tenant_name")));
    cases.push(("tenant_name", "a".repeat(256), "invalid_tenant_name"));
    cases.push(("external_id", "a\u{1}".to_owned(), "invalid_external_id"));
    cases
}

#[tokio::test]
async fn names_that_cannot_be_are_refused_each_with_its_code_and_harm_nobody() {
    let system = System::start(1).await;
    let cases = refused();
    let mut items: Vec<_> =
        cases.iter().enumerate().map(|(n, (field, value, _))| with(n, field, value)).collect();
    items.push(tenant(1000));

    let batch = system.submit(items).await;
    let over = system.finished(&batch).await;
    let results = system.results(&batch).await;

    assert_eq!(over["progress"]["succeeded"], 1);
    assert_eq!(over["progress"]["failed"], cases.len());
    for ((field, value, code), result) in cases.iter().zip(&results) {
        assert_eq!(result["error"]["code"], *code, "{field} {value:?}: {result}");
    }
    assert_eq!(schemas(&system.db.pool).await.len(), 1);
    assert_eq!(orphans(&system.db.pool).await, Vec::<String>::new());
}

#[tokio::test]
async fn unusual_names_that_can_be_become_tenants_as_they_are() {
    let system = System::start(1).await;
    let long = format!("{}x", "long name ".repeat(20));
    let names = [
        "Robert'); drop schema public cascade; --",
        "株式会社",
        "a\"b'c\\d",
        "🏴‍☠️",
        "NULL",
        "%s %I $1",
        "pg_catalog",
        "../../etc/passwd",
        &long,
    ];
    let mut items: Vec<_> =
        names.iter().enumerate().map(|(n, name)| with(n, "tenant_name", name)).collect();
    items.push(with(100, "tenant_name", &long.replace('x', "y")));
    items.push(with(101, "schema_name", &"z".repeat(63)));
    items.push(with(102, "schema_name", "SELECT"));
    items.push(with(103, "domain", "bücher.example"));
    items.push(with(104, "domain", "Deep.Sub.Example.CO.UK."));

    let results = system.provision(items).await;

    for (name, result) in names.iter().zip(&results) {
        assert_eq!(result["tenant_name"], *name);
    }
    assert_ne!(results[8]["schema_name"], results[9]["schema_name"]);
    assert_eq!(results[10]["schema_name"], "z".repeat(63));
    assert_eq!(results[11]["schema_name"], "select");
    assert_eq!(results[12]["domain"], "xn--bcher-kva.example");
    assert_eq!(results[13]["domain"], "deep.sub.example.co.uk");
    let made = schemas(&system.db.pool).await;
    assert_eq!(made.len(), results.len());
    assert!(made.keys().all(|name| name.len() <= 63), "{made:?}");
    assert_eq!(orphans(&system.db.pool).await, Vec::<String>::new());
}

fn full(domain: &str, schema: &str, external_id: &str) -> Value {
    json!({"tenant_name": "Same name", "domain": domain, "schema_name": schema,
        "external_id": external_id})
}

#[tokio::test]
async fn the_later_of_two_duplicates_fails_in_any_letter_case() {
    let system = System::start(1).await;

    let batch = system
        .submit(vec![
            tenant(0),
            full("acme.example", "acme", "cus_1"),
            full("ACME.Example.", "other1", "cus_2"),
            full("other.example", "ACME", "cus_3"),
            full("another.example", "other2", "cus_1"),
            full("bücher.example", "books", "cus_4"),
            full("XN--BCHER-KVA.example", "books2", "cus_5"),
        ])
        .await;
    system.finished(&batch).await;
    let results = system.results(&batch).await;

    let outcome = |at: usize| results[at]["error"]["code"].as_str();
    let first = [2, 3, 4, 6].map(|at| results[at]["error"]["message"].as_str().unwrap());
    assert_eq!((outcome(0), outcome(1), outcome(5)), (None, None, None));
    assert_eq!([2, 3, 4, 6].map(outcome), [Some("duplicate_in_batch"); 4], "{results:#?}");
    for (message, index) in first.iter().zip(["item 1", "item 1", "item 1", "item 5"]) {
        assert!(message.contains(index), "{message}");
    }
    assert_eq!(orphans(&system.db.pool).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_the_registry_has_is_taken_in_any_letter_case() {
    let system = System::start(1).await;
    system.provision(vec![full("acme.example", "acme", "cus_1")]).await;

    let batch = system
        .submit(vec![
            full("Acme.EXAMPLE", "b", "cus_2"),
            full("c.example", "Acme", "cus_3"),
            full("d.example", "d", "cus_1"),
            full("e.example", "e", "cus_5"),
        ])
        .await;
    system.finished(&batch).await;
    let results = system.results(&batch).await;

    let codes: Vec<_> = results.iter().map(|result| result["error"]["code"].as_str()).collect();
    let expected = [Some("domain_taken"), Some("schema_taken"), Some("external_id_taken"), None];
    assert_eq!(codes, expected, "{results:#?}");
    assert_eq!(orphans(&system.db.pool).await, Vec::<String>::new());
}
