use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn agree(text: &[u8]) -> Result<(), TestCaseError> {
    let kept = serde_json::from_slice::<Value>(text).map(|_| WellFormed);
    let told = serde_json::from_slice::<WellFormed>(text);

    prop_assert_eq!(kept.map_err(|e| e.to_string()), told.map_err(|e| e.to_string()));
    Ok(())
}

#[test]
fn says_of_everything_odd_what_a_parser_says() {
    let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
    for text in [
        "",
        "nul",
        "[1,]",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{1:2}",
        "1e999",
        "-0.0e-999",
        "01",
        "123456789012345678901234567890",
        "\"\\ud800\"",
        "\"\\ud83d\\ude00\"",
        "\"a\u{1}\"",
        "\"\\u0000\"",
        "{\"a\": [true, false, null, -1, 2.5]} x",
        &deep(127),
        &deep(128),
    ] {
        agree(text.as_bytes()).unwrap();
    }
    agree(b"\"\xff\"").unwrap();
    agree(b"{\"\xc3\": 1}").unwrap();
}

#[test]
fn refuses_a_name_that_a_parser_takes_for_its_own() {
    for text in [
        r#"{"$serde_json::private::RawValue": "nul"}"#,
        r#"[{"\u0024serde_json::private::Number": "1"}]"#,
    ] {
        assert!(serde_json::from_str::<WellFormed>(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn agrees_with_a_parser(text in "[\\[\\]{}\",:0-9eE.+\\-\\\\u a-fntr]{0,24}") {
        agree(text.as_bytes())?;
    }

    #[test]
    fn agrees_with_a_parser_on_any_bytes(text in prop::collection::vec(any::<u8>(), 0..16)) {
        agree(&text)?;
    }
}

#[test]
fn takes_a_time_in_any_zone_and_nothing_else() {
    assert_eq!(run_at("2030-01-31T06:00:00+02:00").unwrap().to_rfc3339()[11..13], *"04");
    for nonsense in ["", "tomorrow", "2030-01-31", "2030-01-31T06:00:00", "1893456000"] {
        let problem = format!("{:?}", run_at(nonsense).unwrap_err());
        assert!(problem.contains("invalid_run_at"), "{problem}");
        // any moment given as an example would be too far away, or past
        assert!(problem.contains("with a zone, within the next 30 days"), "{problem}");
        assert!(!problem.contains("20"), "{problem}");
    }
}

#[test]
fn puts_off_into_the_future_and_no_farther_than_a_month() {
    let after = |secs| check_run_at(Some(Utc::now() + TimeDelta::seconds(secs))).is_ok();

    assert!(check_run_at(None).is_ok() && after(60) && after(29 * 86_400));
    assert!(!after(-1) && !after(31 * 86_400));
}

#[tokio::test]
async fn a_name_that_comes_again_chunks_later_is_the_same_name() {
    let line = |n: usize| format!("{{\"tenant_name\":\"A\",\"domain\":\"d{n}.example\"}}\n");
    let numbers = (0..=CHUNK).chain([7, CHUNK + 1, CHUNK]);
    let (mut text, mut places) = (Vec::new(), Vec::new());
    for tenant in numbers.map(line) {
        let begin = text.len();
        text.extend(tenant.bytes());
        places.push(begin..text.len());
    }
    let tenants = Arc::new(Slices::new(text, places));

    let mut chunks = Chunks::of(&tenants, NewBatch::new(domain::SettingsPolicy::default()));
    let (mut sizes, mut refused) = (Vec::new(), Vec::new());
    while let Some((rest, items)) = chunks.next().await.unwrap() {
        chunks = rest;
        sizes.push(items.len());
        refused.extend(items.into_iter().filter_map(|i| Some((i.index, i.outcome.err()?))));
    }

    assert_eq!(sizes, [CHUNK, 4]);
    let told: Vec<(usize, &str)> =
        refused.iter().map(|(i, e)| (*i as usize, e.message.as_str())).collect();
    let same_as_the_last = format!("domain is the same as that of item {CHUNK}");
    let expected = [
        (CHUNK + 1, "domain is the same as that of item 7"),
        (CHUNK + 3, same_as_the_last.as_str()),
    ];
    assert_eq!(told, expected);
}
