//! `tenantry tenant keys`.

use serde_json::json;

use super::{System, tenants};

/// Two active tenants without a key.
async fn active() -> System {
    let system = System::start().await;
    system.run(&["submit", system.file(&tenants())]);
    system.execute("update tenantry.tenants set state = 'active', activated_at = now()").await;
    system
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_keys_are_issued_rotated_revealed_revoked_and_listed() {
    let system = active().await;
    let keys = |act: &str| ["tenant", "keys", act, "1"].map(str::to_owned).to_vec();
    let run = |act: &str, more: &[&str]| {
        let args = keys(act);
        system.run(&[args.iter().map(String::as_str).collect(), more.to_vec()].concat())
    };

    let none = run("list", &[]);
    let issued = run("issue", &["--expires-days", "3"]);
    let rotated = run("rotate", &["--overlap-hours", "1"]);
    let third = run("issue", &[]);
    let revealed = run("reveal", &[]);
    let acknowledged = run("acknowledge", &[]);
    let again = run("reveal", &[]);
    let revoked = run("revoke", &["1"]);
    let listed = run("list", &[]);
    let page = system.json(&["tenant", "keys", "list", "1", "--limit", "1"]);
    let unknown = run("revoke", &["99"]);
    let at_once = run("rotate", &["--overlap-hours", "0", "--json"]);

    assert!(none.code == 0 && none.err.contains("has no API keys"), "{}", none.err);
    let secret = |ran: &super::Ran| ran.out.trim_end().to_owned();
    let (old, new) = (secret(&issued), secret(&rotated));
    assert!(old.starts_with("tk_") && new.starts_with("tk_") && old != new, "{old} {new}");
    assert!(issued.err.contains("API key 1 of tenant 1, expires "), "{}", issued.err);
    assert!(rotated.err.contains("tenantry tenant keys acknowledge 1"), "{}", rotated.err);
    assert!(third.code == 1 && third.err.contains("too_many_keys"), "{}", third.err);
    assert!(revealed.out.contains(&old) && revealed.out.contains(&new), "{}", revealed.out);
    assert!(revealed.err.contains("tenantry tenant keys acknowledge 1"), "{}", revealed.err);
    assert!(acknowledged.out.contains("2 keys of tenant 1"), "{}", acknowledged.out);
    assert!(again.out.is_empty() && again.err.contains("no unread API keys"), "{}", again.out);
    assert!(revoked.out.contains("API key 1 (tk_") && revoked.out.contains("is revoked"));
    let rows: Vec<&str> = listed.out.lines().skip(1).collect();
    assert!(rows.len() == 2 && !listed.out.contains(&new), "{}", listed.out);
    assert!(rows[0].contains("\trevoked\t") && rows[1].contains("\tlive\t"), "{}", listed.out);
    assert_eq!(page["keys"].as_array().map(Vec::len), Some(1));
    assert!(page["next_cursor"].is_string(), "{page}");
    assert!(unknown.code == 1 && unknown.err.contains("key_not_found"), "{}", unknown.err);
    let told: serde_json::Value = serde_json::from_str(&at_once.out).unwrap();
    assert_eq!((&told["key_id"], &told["status"]), (&json!(3), &json!("live")), "{told}");
}
