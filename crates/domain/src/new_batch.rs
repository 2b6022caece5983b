//! A submitted batch, read item by item, so that a bad one never harms the others.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    FieldErrors, Import, ItemError, NewTenant, SettingsPolicy, codes,
    storable::{Holds, storable},
};

/// Largest item, in bytes of JSON as it was sent: four times the largest `metadata`.
pub const MAX_ITEM_BYTES: usize = 262_144;

/// One item of a submitted batch.
#[derive(Debug, Clone, PartialEq)]
pub struct NewItem {
    /// Its place in the request, from 0.
    pub index: u32,
    /// What the caller sent, to be recorded.
    pub request: Request,
    /// The tenant to make, or why there is none.
    pub outcome: Result<NewTenant, ItemError>,
}

/// What the caller sent for one item, as the registry records it.
#[derive(Debug, Clone)]
pub struct Request {
    /// JSON that the registry takes. Of an item that is good it is what was sent; of others U+0000
    /// is replaced by U+FFFD, numbers that are too long are texts, and one that is too large is
    /// its size alone.
    pub json: Box<RawValue>,
    /// `tenant_name`, if it is a text.
    pub tenant_name: Option<String>,
    /// `domain`, if it is a text.
    pub domain: Option<String>,
}

impl Request {
    fn of(sent: &str) -> Self {
        // Twice: what is good can be a little larger with its numbers written out.
        let too_large = sent.len() > MAX_ITEM_BYTES || Holds::of(sent).bytes > 2 * MAX_ITEM_BYTES;
        let stored =
            if too_large { format!("{{\"bytes\":{}}}", sent.len()).into() } else { storable(sent) };
        let json = RawValue::from_string(stored.into_owned());
        // Told from the rest without a tree: it may be large.
        let names: Names = serde_json::from_str(sent).unwrap_or_default();
        Self {
            json: json.expect("what was sent is JSON"),
            tenant_name: names.tenant_name.and_then(shown),
            domain: names.domain.and_then(shown),
        }
    }
}

impl PartialEq for Request {
    fn eq(&self, other: &Self) -> bool {
        self.json.get() == other.json.get()
    }
}

/// The fields that a refused item is recognised by.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Names<'a> {
    #[serde(borrow)]
    tenant_name: Option<&'a RawValue>,
    #[serde(borrow)]
    domain: Option<&'a RawValue>,
}

/// The start of a text that may be anything.
fn shown(field: &RawValue) -> Option<String> {
    let text: String = serde_json::from_str(field.get()).ok()?;
    Some(text.chars().take(255).map(|c| if c == '\0' { '\u{fffd}' } else { c }).collect())
}

/// A submitted batch that is being read. Of the items read so far it keeps the names alone, so it
/// can be far larger than what is in memory of it.
#[derive(Debug)]
pub struct NewBatch {
    policy: SettingsPolicy,
    /// Its tenants' schemas are there.
    imports: bool,
    claims: Claims,
    read: u32,
}

impl NewBatch {
    /// A batch of which nothing was read yet; `policy` says what its tenants may ask for.
    #[must_use]
    pub fn new(policy: SettingsPolicy) -> Self {
        Self { policy, imports: false, claims: Claims::default(), read: 0 }
    }

    /// The same of tenants whose schemas are there.
    #[must_use]
    pub fn of_imports(policy: SettingsPolicy) -> Self {
        Self { imports: true, ..Self::new(policy) }
    }

    /// The item that comes next, of `sent`, which is JSON. One whose domain, schema name or external
    /// id a good earlier item has too, in any writing, fails as a duplicate that names that item's
    /// index.
    pub fn item(&mut self, sent: &str) -> NewItem {
        let index = self.read;
        self.read += 1;
        let outcome = if sent.len() > MAX_ITEM_BYTES {
            let message =
                format!("the tenant has {} bytes; {MAX_ITEM_BYTES} are allowed", sent.len());
            Err(ItemError::rejected(codes::ITEM_TOO_LARGE, message))
        } else {
            self.tenant(sent)
                .map_err(|errors| ItemError::from(&errors))
                .and_then(|tenant| self.claims.stake(index, tenant))
        };
        NewItem { index, request: Request::of(sent), outcome }
    }

    fn tenant(&self, sent: &str) -> Result<NewTenant, FieldErrors> {
        match self.imports {
            true => Import::parse(sent, &self.policy).map(|(tenant, _)| tenant),
            false => NewTenant::parse(sent, &self.policy),
        }
    }
}

/// Which item has what: a field, and its value in normal form.
#[derive(Debug, Default)]
struct Claims(HashMap<(&'static str, String), u32>);

impl Claims {
    /// All of the tenant's names, or none: one that fails keeps nothing from a later item.
    fn stake(&mut self, index: u32, tenant: NewTenant) -> Result<NewTenant, ItemError> {
        let names = [
            ("domain", Some(tenant.domain.as_str())),
            ("schema_name", tenant.schema.as_ref().map(|it| it.as_str())),
            ("external_id", tenant.external_id.as_ref().map(|it| it.as_str())),
        ];
        let claims = names.map(|(field, name)| name.map(|name| (field, name.to_owned())));
        for claim in claims.iter().flatten() {
            if let Some(first) = self.0.get(claim) {
                let message = format!("{} is the same as that of item {first}", claim.0);
                return Err(ItemError::rejected(codes::DUPLICATE_IN_BATCH, message));
            }
        }
        self.0.extend(claims.into_iter().flatten().map(|claim| (claim, index)));
        Ok(tenant)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn parsed(requests: Vec<Value>) -> Vec<NewItem> {
        let mut batch = NewBatch::new(SettingsPolicy::default());
        requests.iter().map(|request| batch.item(&request.to_string())).collect()
    }

    fn accepted(items: &[NewItem]) -> Vec<&NewTenant> {
        items.iter().filter_map(|item| item.outcome.as_ref().ok()).collect()
    }

    fn tenant(domain: &str) -> Value {
        json!({"tenant_name": "Acme", "domain": domain})
    }

    fn code(batch: &[NewItem], index: usize) -> Option<&str> {
        batch[index].outcome.as_ref().err().map(|error| error.code.as_str())
    }

    #[test]
    fn a_bad_item_does_not_harm_the_others() {
        let batch = parsed(vec![tenant("a.example"), json!(7), tenant("-.b"), tenant("c.example")]);

        assert_eq!(batch.iter().map(|item| item.index).collect::<Vec<_>>(), [0, 1, 2, 3]);
        let good: Vec<bool> = batch.iter().map(|item| item.outcome.is_ok()).collect();
        assert_eq!(good, [true, false, false, true]);
        assert_eq!(
            (code(&batch, 1), code(&batch, 2)),
            (Some("invalid_field"), Some("invalid_domain"))
        );
    }

    #[test]
    fn the_later_duplicate_fails_and_names_the_first_in_any_writing() {
        let batch = parsed(vec![
            tenant("x.example"),
            tenant("bücher.example"),
            tenant("XN--BCHER-KVA.Example."),
            tenant("BÜCHER.example"),
        ]);

        for later in [2, 3] {
            let error = batch[later].outcome.as_ref().unwrap_err();
            assert_eq!(error.code, codes::DUPLICATE_IN_BATCH);
            assert_eq!(error.message, "domain is the same as that of item 1");
            assert!(!error.retryable);
        }
    }

    #[test]
    fn schema_names_clash_in_any_letter_case_and_external_ids_only_as_they_are() {
        let with = |i: usize, field: &str, value: &str| json!({"tenant_name": "A", "domain": format!("{i}a.example"), field: value});
        let batch = parsed(vec![
            with(0, "schema_name", "acme"),
            with(1, "schema_name", "ACME"),
            with(2, "external_id", "cus_A"),
            with(3, "external_id", "cus_a"),
            with(4, "external_id", "cus_A"),
            with(5, "external_id", "acme"),
        ]);

        let codes: Vec<_> = (0..6).map(|i| code(&batch, i)).collect();

        let duplicate = Some("duplicate_in_batch");
        assert_eq!(codes, [None, duplicate, None, None, duplicate, None]);
    }

    #[test]
    fn an_item_that_fails_keeps_no_name_from_a_later_one() {
        let request = |name: &str, domain: &str, schema: &str| json!({"tenant_name": name, "domain": domain, "schema_name": schema});
        let batch = parsed(vec![
            request("", "a.example", "one"),
            request("A", "a.example", "one"),
            request("B", "a.example", "two"),
            request("C", "c.example", "two"),
        ]);

        let codes: Vec<_> = (0..4).map(|i| code(&batch, i)).collect();

        let expected = [Some("invalid_tenant_name"), None, Some("duplicate_in_batch"), None];
        assert_eq!(codes, expected);
    }

    #[test]
    fn what_was_refused_for_a_nul_can_still_be_recorded() {
        let batch = parsed(vec![json!({"tenant_name": "a\u{0}b", "domain": "a.example"})]);

        assert_eq!(code(&batch, 0), Some("invalid_tenant_name"));
        assert!(batch[0].request.json.get().contains("a\\ufffdb"));
        assert_eq!(batch[0].request.tenant_name.as_deref(), Some("a\u{fffd}b"));
    }

    #[test]
    fn one_that_is_too_large_is_refused_unread_and_recorded_as_its_size() {
        let features = vec![""; 200_000];
        let large = json!({"tenant_name": "Acme", "domain": "a.example", "x": features});

        let batch = parsed(vec![large.clone()]);

        assert_eq!(code(&batch, 0), Some("item_too_large"));
        assert_eq!(
            batch[0].request.json.get(),
            format!("{{\"bytes\":{}}}", large.to_string().len())
        );
        assert_eq!(batch[0].request.tenant_name.as_deref(), Some("Acme"));
    }

    #[test]
    fn one_that_is_refused_is_not_recorded_larger_than_it_was_sent() {
        let mut batch = NewBatch::new(SettingsPolicy::default());
        let sent = format!("{{\"x\":[{}1]}}", "1e99,".repeat(50_000));

        let item = batch.item(&sent);

        assert_eq!(item.outcome.unwrap_err().code, codes::MISSING_FIELD);
        assert_eq!(item.request.json.get(), format!("{{\"bytes\":{}}}", sent.len()));
    }

    #[test]
    fn the_same_name_twice_is_no_clash() {
        assert_eq!(accepted(&parsed(vec![tenant("a.example"), tenant("b.example")])).len(), 2);
    }

    proptest! {
        #[test]
        fn accepted_items_never_share_a_domain_or_schema(
            picks in prop::collection::vec(("[aA]{1,2}\\.(b|B)\\.?", "[xX]{1,2}"), 0..12)
        ) {
            let requests = picks
                .iter()
                .map(|(d, s)| json!({"tenant_name": "A", "domain": d, "schema_name": s}))
                .collect();

            let batch = parsed(requests);

            let mut seen = std::collections::HashSet::new();
            for tenant in accepted(&batch) {
                prop_assert!(seen.insert(tenant.domain.as_str().to_owned()));
                prop_assert!(seen.insert(tenant.schema.as_ref().unwrap().as_str().to_owned()));
            }
            prop_assert_eq!(batch.len(), picks.len());
            prop_assert!(picks.is_empty() || !accepted(&batch).is_empty());
        }
    }
}
