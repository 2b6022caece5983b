//! Tenants such as people have: several languages, a few settings, no two alike.

use serde_json::{Value, json};

const FIRST: &str = "\
    Harbor, Café, Northwind, Maple, Ångström, Blue Door, Granite, Zürich, Juniper, \
    Copper, São Bento, Lantern, Willow, Łódź, Summit, Amber, Ñandú, Foundry, Clover, \
    Orchard, Fjörd, Beacon, Saffron, Ironwood, 東京, Meridian, Pebble, Cobalt, Île, \
    Thistle, Redwood, Quay, Señora, Atlas, Birch, Møller, Crescent, Tidewater, Αθήνα, \
    Verdant";

const SECOND: &str = "\
    Bakery, Logistics, Labs, Dental, Cycles, Robotics, Legal, Gardens, Records, Studio, \
    Freight, Optics, Brewing, Energy, Clinic, Books, Foods, Textiles, Games, Security, \
    Analytics, Travel, Ceramics, Academy, Supply";

const PLANS: [&str; 3] = ["starter", "team", "enterprise"];

/// `count` valid tenants; `tag` goes into each domain, to keep clear of those of an earlier run.
/// With `errors`, two bad ones and a duplicate of the first follow.
pub(super) fn tenants(count: usize, tag: Option<&str>, errors: bool) -> Vec<Value> {
    let mut tenants: Vec<Value> = (0..count).map(|n| tenant(n, tag)).collect();
    if errors {
        let taken = tenants[0]["domain"].as_str().unwrap_or_default().to_uppercase();
        tenants.push(json!({ "tenant_name": "", "domain": "nameless.example" }));
        tenants.push(json!({ "tenant_name": "Bad Domain", "domain": "-bad-.example" }));
        tenants.push(json!({ "tenant_name": "Too Late", "domain": taken }));
    }
    tenants
}

fn tenant(n: usize, tag: Option<&str>) -> Value {
    let name = name(n);
    let mut tenant = json!({ "tenant_name": name, "domain": domain(&name, n, tag) });
    if n.is_multiple_of(3) {
        tenant["settings"] = json!({ "metadata": {
            "plan": PLANS[(n / 3) % PLANS.len()], "seats": 5 + n % 40,
        }});
    }
    if n.is_multiple_of(5) {
        tenant["description"] = format!("Customer {} of the demo", n + 1).into();
    }
    if n.is_multiple_of(7) && tag.is_none() {
        tenant["external_id"] = format!("crm-{:05}", n + 1).into();
    }
    tenant
}

/// No pair of words comes twice before all 1,000 were used; then they get a number.
fn name(n: usize) -> String {
    let words = |list: &'static str| list.split(", ").collect::<Vec<_>>();
    let (first, second) = (words(FIRST), words(SECOND));
    let pair =
        format!("{} {}", first[n % first.len()], second[(n / first.len() + n) % second.len()]);
    match n / (first.len() * second.len()) {
        0 => pair,
        round => format!("{pair} {}", round + 1),
    }
}

/// Domains for examples only (RFC 2606), at several depths.
fn domain(name: &str, n: usize, tag: Option<&str>) -> String {
    let label = name.to_lowercase().replace(' ', "-");
    let tag = tag.map(|tag| format!(".{tag}")).unwrap_or_default();
    match n % 4 {
        0 => format!("{label}{tag}.example"),
        1 => format!("{label}{tag}.example.com"),
        2 => format!("app.{label}{tag}.example"),
        _ => format!("{label}{tag}.example.org"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use domain::{ItemError, NewBatch, SettingsPolicy};

    use super::*;

    /// Why each of `tenants` that is refused is.
    fn refused(tenants: Vec<Value>) -> Vec<ItemError> {
        let mut batch = NewBatch::new(SettingsPolicy::default());
        tenants
            .into_iter()
            .filter_map(|tenant| batch.item(&tenant.to_string()).outcome.err())
            .collect()
    }

    #[test]
    fn every_tenant_is_valid_and_none_comes_twice() {
        for tag in [None, Some("a1b2c3")] {
            let sample = tenants(10_000, tag, false);
            let domains: HashSet<String> = sample.iter().map(|t| t["domain"].to_string()).collect();

            let refused = refused(sample);

            assert!(refused.is_empty(), "{:?}", refused.first());
            assert_eq!(domains.len(), 10_000);
        }
    }

    #[test]
    fn exactly_three_fail_when_asked_to() {
        let refused = refused(tenants(10, None, true));

        let codes: Vec<&str> = refused.iter().map(|error| error.code.as_str()).collect();
        assert_eq!(codes, ["invalid_tenant_name", "invalid_domain", "duplicate_in_batch"]);
    }
}
