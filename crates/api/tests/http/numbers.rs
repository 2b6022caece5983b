//! A number that is accepted comes back with the same decimal value.

use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use serde_json::value::RawValue;
use std::collections::HashMap;

use crate::support::{Answer, App, tenant};

/// Sign, digits without zeros at their ends, and the power of ten of the last one.
fn decimal(number: &str) -> (bool, String, i64) {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{}{fraction}", whole.trim_start_matches('-'));
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    let dropped = digits.trim_start_matches('0').len() - significant.len();
    if significant.is_empty() {
        return (false, String::new(), 0);
    }
    let places = i64::try_from(fraction.len()).unwrap() - i64::try_from(dropped).unwrap();
    let power = exponent.parse::<i64>().unwrap() - places;
    (number.starts_with('-'), significant.to_owned(), power)
}

/// One tenant a line, each with one of `numbers` in its metadata.
fn lines(numbers: &[String]) -> String {
    let line = |(n, number): (usize, &String)| {
        let tenant = tenant(n).to_string();
        let open = tenant.strip_suffix('}').unwrap();
        format!("{open},\"settings\":{{\"metadata\":{{\"n\":{number}}}}}}}\n")
    };
    numbers.iter().enumerate().map(line).collect()
}

async fn submit(app: &App, lines: String) -> Answer {
    let request = app
        .request(Method::POST, "/tenants/batch")
        .header("content-type", "application/x-ndjson")
        .body(Body::from(lines));
    app.send(request.unwrap()).await
}

#[derive(serde::Deserialize)]
struct Page {
    tenants: Vec<Tenant>,
    next_cursor: Option<String>,
}

#[derive(serde::Deserialize)]
struct Tenant {
    tenant_name: String,
    settings: Settings,
}

#[derive(serde::Deserialize)]
struct Settings {
    metadata: HashMap<String, Box<RawValue>>,
}

/// The number of each tenant that is listed, by the tenant's name.
async fn listed(app: &App) -> HashMap<String, String> {
    let (mut listed, mut cursor) = (HashMap::new(), String::new());
    loop {
        let answer = app.get(&format!("/tenants?limit=200{cursor}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let page: Page = serde_json::from_str(&answer.text).unwrap();
        let number = |t: Tenant| (t.tenant_name, t.settings.metadata["n"].get().to_owned());
        listed.extend(page.tenants.into_iter().map(number));
        match page.next_cursor {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return listed,
        }
    }
}

#[tokio::test]
async fn every_number_that_is_accepted_reads_back_with_the_same_decimal_value() {
    let app = App::start().await;
    let mut runner = TestRunner::default();
    let any = "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?";
    let short = "-?[0-9](\\.[0-9]{1,17})?e-?[0-9]{1,3}";
    let mut drawn = |pattern: &str| {
        let strategy = prop::string::string_regex(pattern).unwrap();
        strategy.new_tree(&mut runner).unwrap().current()
    };
    let mut numbers: Vec<String> =
        ["1.7976931348623157e308", "12345678901234567890123", "-0", "5e-324"]
            .map(str::to_owned)
            .into();
    numbers.extend((0..250).flat_map(|_| [drawn(any), drawn(short)]));
    // JSON's own limit here: what is beyond a 64-bit floating point number is no JSON, with its place.
    numbers.retain(|number| number.parse::<f64>().unwrap().is_finite());

    let batch = submit(&app, lines(&numbers)).await.batch();

    let (listed, results) = (listed(&app).await, app.results(batch).await);
    let mut kept = 0;
    for (n, number) in numbers.iter().enumerate() {
        match listed.get(&format!("Acme {n}")) {
            Some(back) => {
                assert_eq!(decimal(back), decimal(number), "{number} came back as {back}");
                kept += 1;
            }
            None => {
                let message = results[n]["error"]["message"].as_str().unwrap();
                assert!(message.contains("400 digits"), "{number}: {message}");
            }
        }
    }
    assert!(kept > 250, "{kept} of {} were kept", numbers.len());
}

#[tokio::test]
async fn a_refused_item_keeps_its_numbers_for_a_retry_and_for_its_page() {
    let app = App::start().await;
    let numbers = ["1.7976931348623157e308".to_owned(), "0.10".to_owned()];
    submit(&app, lines(&numbers)).await;
    let second = submit(&app, lines(&numbers)).await.batch();
    app.execute("update tenantry.tenants set state = 'deleted'").await;

    let again = app.post(&format!("/batches/{second}/retry"), &serde_json::Value::Null).await;

    assert_eq!(again.status, StatusCode::ACCEPTED, "{again:?}");
    let listed = listed(&app).await;
    for (n, number) in numbers.iter().enumerate() {
        assert_eq!(decimal(&listed[&format!("Acme {n}")]), decimal(number));
    }
}

#[tokio::test]
async fn whatever_stands_in_a_row_does_not_spoil_its_page() {
    let app = App::start().await;
    app.submit(vec![tenant(0), tenant(1)]).await;
    app.execute(
        "update tenantry.tenants
         set settings = (repeat('[', 1000) || '1e9999' || repeat(']', 1000))::jsonb
         where name = 'Acme 0'",
    )
    .await;

    let page = app.get("/tenants").await;
    let one = app.get("/tenants?q=Acme%200").await;

    assert_eq!((page.status, one.status), (StatusCode::OK, StatusCode::OK));
    assert!(page.text.contains("\"Acme 1\"") && page.text.contains(&"[".repeat(1000)));
}
